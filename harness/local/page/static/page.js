// What the page does where scripts run: it keeps itself up to date, follows logs, filters, copies.
// Without it, all is there as well, and forms and links do the rest. Content comes as text or as
// this server's own HTML, in which no script runs.
"use strict";

const MOST_LINES = 5000;
const EDGE = 12;  // pixels beside a graph's first step
const said = document.getElementById("said");
let source = null;

function ready(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// Graphs

function aim() {
  // One that is wider than its box begins at its first step, and as near as that can be seen as
  // well to the step that has failed, or runs: its corner may be empty.
  for (const box of document.querySelectorAll(".canvas")) {
    const first = box.querySelector(".node");
    const wanted = box.querySelector(".node.bad") || box.querySelector(".node.busy") || first;
    const zero = box.getBoundingClientRect().left + box.clientLeft - box.scrollLeft;
    const [from, to] = [first, wanted].map((node) => node.getBoundingClientRect());
    const middle = (to.left + to.right - box.clientWidth) / 2 - zero;
    const least = from.right - zero + EDGE - box.clientWidth;
    box.scrollLeft = Math.min(from.left - zero - EDGE, Math.max(least, middle));
  }
}

// Copying

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    said.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 1500);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("pre"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
});

// Logs

function matches(row, words) {
  const text = row.textContent.toLowerCase();
  return words.every((word) => text.includes(word));
}

function words(log) {
  const field = log.querySelector("[data-filter]");
  return field ? field.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
}

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-filter]")) return;
  const log = event.target.closest("[data-log]");
  const wanted = words(log);
  for (const row of log.querySelectorAll(".row")) row.hidden = !matches(row, wanted);
});

function append(log, lines) {
  const wanted = words(log);
  const panes = new Map();
  for (const pane of log.querySelectorAll("[data-stream]")) {
    const pre = pane.querySelector("pre");
    const atEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
    panes.set(pane.dataset.stream, { pre, atEnd });
  }
  for (const [stream, time, message] of lines) {
    const pane = panes.get(stream);
    if (!pane) continue;
    const row = document.createElement("span");
    row.className = "row";
    const at = document.createElement("time");
    at.textContent = time;
    row.append(at, message + "\n");
    row.hidden = !matches(row, wanted);
    pane.pre.append(row);
    while (pane.pre.childElementCount > MOST_LINES) pane.pre.firstElementChild.remove();
  }
  for (const { pre, atEnd } of panes.values()) if (atEnd) pre.scrollTop = pre.scrollHeight;
}

function follow() {
  if (source) source.close();
  source = null;
  const log = document.querySelector("[data-log]");
  if (!log) return;
  for (const pre of log.querySelectorAll("pre")) pre.scrollTop = pre.scrollHeight;
  const state = log.querySelector("[data-follow-state]");
  if (!log.dataset.follow) return;
  source = new EventSource(`${log.dataset.follow}&after=${encodeURIComponent(log.dataset.after)}`);
  source.onopen = () => { if (state) state.textContent = "following"; };
  source.onerror = () => { if (state) state.textContent = "not connected"; };
  source.onmessage = (event) => append(log, JSON.parse(event.data));
}

// Keeping up to date

function streams(root) {
  return [...root.querySelectorAll("[data-log] [data-stream]")].map((each) => each.dataset.stream).join("\n");
}

function keep(old, fresh, isSearch) {
  // A search opens what it has found.
  for (const each of isSearch ? [] : fresh.querySelectorAll("details[id]")) {
    const before = old.querySelector(`#${CSS.escape(each.id)}`);
    if (before) each.open = before.open;
  }
  for (const each of old.querySelectorAll("[data-keep]")) {
    const after = fresh.querySelector(`[data-keep="${CSS.escape(each.dataset.keep)}"]`);
    if (after) after.replaceWith(each);
  }
  const boxes = [...old.querySelectorAll(".scrolls[id]")].map((each) => [each.id, each.scrollLeft]);
  const put = () => boxes.forEach(([id, left]) => {
    const box = document.getElementById(id);
    if (box) box.scrollLeft = left;
  });
  const log = old.querySelector("[data-log]");
  const after = fresh.querySelector("[data-log]");
  if (log && after && streams(old) === streams(fresh)) {
    const scrolled = [...log.querySelectorAll("pre")].map((pre) => [pre, pre.scrollTop]);
    after.replaceWith(log);
    return () => { put(); scrolled.forEach(([pre, top]) => { pre.scrollTop = top; }); };
  }
  return () => { put(); follow(); };
}

function place(element) {
  // Where the focus is, so that it can be there again: by an id, a name, or a link's address.
  if (!element || element === document.body) return null;
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.name) return `[name="${CSS.escape(element.name)}"]`;
  const href = element.getAttribute("href");
  if (href) return `a[href="${CSS.escape(href)}"]`;
  const details = element.closest("details[id]");
  return element.tagName === "SUMMARY" && details ? `#${CSS.escape(details.id)} > summary` : null;
}

let last = "";

async function refresh(url, force) {
  const main = document.querySelector("main");
  const button = document.querySelector("[data-live-button]");
  const paused = button && button.getAttribute("aria-pressed") === "false";
  if (!force && (document.hidden || paused || !main.dataset.live)) return;
  let answer;
  try {
    answer = await fetch(url, { headers: { Accept: "text/html" } });
  } catch {
    said.textContent = "The local AWS doesn't answer";
    return;
  }
  if (said.textContent === "The local AWS doesn't answer") said.textContent = "";
  const text = await answer.text();
  const found = new DOMParser().parseFromString(text, "text/html");
  const fresh = found.querySelector("main");
  if (!fresh || fresh.innerHTML === last) return;
  const typing = main.querySelector("form :is(input, select, textarea):focus:not([data-search] *)");
  if (!force && (getSelection().toString() || typing)) return;
  last = fresh.innerHTML;
  document.title = found.title;
  const focused = main.contains(document.activeElement) ? document.activeElement : null;
  const where = place(focused);
  const value = focused && "value" in focused ? focused.value : null;
  const then = keep(main, fresh, force);
  if (!fresh.dataset.live) delete main.dataset.live;
  main.replaceChildren(...fresh.childNodes);
  ready(main);
  then();
  const again = where && main.querySelector(where);
  if (again && again !== document.activeElement) {
    if (value !== null && again.matches("input")) again.value = value;
    again.focus({ preventScroll: true });
    if (again.setSelectionRange && again.type === "search") again.setSelectionRange(again.value.length, again.value.length);
  }
}

let pending = 0;

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-search]");
  if (!form) return;
  clearTimeout(pending);
  pending = setTimeout(() => {
    const query = new URLSearchParams(new FormData(form));
    history.replaceState(null, "", `/?${query}`);
    refresh(location.href, true);
  }, 200);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-live-button]");
  if (!button) return;
  const live = button.getAttribute("aria-pressed") === "false";
  button.setAttribute("aria-pressed", String(live));
  if (live) refresh(location.href, false);
});

const main = document.querySelector("main");
if (main.dataset.live) {
  document.querySelector("[data-live-button]").hidden = false;
  const again = () => setTimeout(async () => {
    // What an action's form has answered isn't asked for again: its address only takes forms.
    if (!location.pathname.endsWith("/invoke")) await refresh(location.href, false);
    if (document.querySelector("main").dataset.live) again();
  }, 1000 * Number(main.dataset.live));
  again();
}
ready(document);
aim();
follow();
