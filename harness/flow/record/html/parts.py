"""The parts of the page that every run has: verdict, metrics, timeline, samples, logs, files."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from harness import figures
from harness.flow.record.document import printable
from harness.flow.record.figures import bounds_text, change, figure, missed, title, values
from harness.flow.record.html.element import element, joined
from harness.flow.record.html.plots import spark
from harness.flow.record.html.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.flow.record.document import AnswersMembers, Document, StepMembers
    from harness.flow.record.seen import Seen

LOG_LINES = 400
"""Lines of each log in the page, the last ones; its file has more."""

LOG_CHARACTERS = 2000
"""Of one of them."""

SHORTEST = 0.0005
"""Seconds of a phase that is shown."""

COLUMNS = ("metric", "reached", "threshold", "published", "change")
"""Of the table of metrics, as far as some metric has something there."""

EARLIER = 5
"""Runs before this one that the table of metrics has."""


def header(document: Document) -> Markup:
    verdict = "PASS" if document["passed"] else "FAIL"
    began = datetime.fromisoformat(document["began"])
    facts = (
        f"{began:%d %B %Y, %H:%M} UTC".lstrip("0"),
        f"{document['target']} ({document['region']})",
        f"{document['seconds'].get('total', 0):.1f} s",
    )
    return element(
        "header",
        element(
            "div",
            element("h1", document["project"]),
            element("p", document["run"], class_="mono"),
            element("p", " · ".join(facts), class_="soft"),
        ),
        element("strong", verdict, class_=f"verdict {'good' if document['passed'] else 'bad'}"),
    )


def error(document: Document) -> Markup | None:
    """What ended the run, if something did."""
    if not document["error"]:
        return None
    return element(
        "section",
        element("h2", "What went wrong"),
        element("pre", document["error"], class_="card bad"),
    )


def notes(document: Document) -> Markup | None:
    if not document["notes"]:
        return None
    return element("ul", [element("li", each) for each in document["notes"]], class_="card notes")


def cards(document: Document, earlier: Sequence[Mapping[str, Any]]) -> Markup | None:
    """What the run has to reach, large: the bounded metrics, else the first few that there are."""
    names = list(document["thresholds"]) or list(document["metrics"])[:4]
    if not names:
        return None
    found = [_card(document, name, earlier) for name in names[:8]]
    return element("section", element("h2", "Metrics", class_="hidden"), *found, class_="cards")


def _card(document: Document, name: str, earlier: Sequence[Mapping[str, Any]]) -> Markup:
    reached, bounds = document["metrics"].get(name), document["thresholds"].get(name, {})
    fault = missed(bounds, reached) if name in document["thresholds"] else ""
    facts = [
        text
        for text in (
            "measured" if not bounds else bounds_text(bounds),
            f"published {figure(bounds.get('published'), 4)}" if "published" in bounds else "",
        )
        if text
    ]
    return element(
        "div",
        element("h3", title(name)),
        element("p", figure(reached), class_="value"),
        element("p", fault, class_="why") if fault else None,
        element("p", " · ".join(facts), class_="soft"),
        _trend(document, name, earlier),
        class_=f"card {'missed' if fault else 'held' if bounds else ''}".strip(),
    )


def _trend(document: Document, name: str, earlier: Sequence[Mapping[str, Any]]) -> Markup | None:
    found = values(name, document, earlier)
    if sum(map(math.isfinite, found)) < 2:
        return None
    bounds = document["thresholds"].get(name, {})
    bound = bounds.get("min", bounds.get("max"))
    said = change(found)
    runs = len(found) - 1
    return element(
        "div",
        spark(found, bound=bound, title=f"{title(name)} over the last {runs + 1} runs"),
        element("span", f"{said} since the last run" if said and said != "unchanged" else said),
        class_="trend",
    )


def metrics(document: Document, earlier: Sequence[Mapping[str, Any]]) -> Markup | None:
    """All metrics against what they have to reach, and against the last runs."""
    names = list(dict.fromkeys((*document["thresholds"], *document["metrics"])))
    if not names:
        return None
    shown = earlier[-EARLIER:]
    links = [
        element(
            "th",
            element("a", _when(each), href=_link(each)),
            scope="col",
        )
        for each in reversed(shown)
    ]
    rows = [_metric(document, name, shown) for name in names]
    heads = [name for name in COLUMNS if any(row[name] for row in rows)]
    body = [
        element(
            "tr",
            element("th", row["metric"], scope="row"),
            [_cell(head, row[head], row["fault"]) for head in heads[1:]],
            [element("td", figure(each)) for each in reversed(values(name, document, shown)[:-1])],
        )
        for name, row in zip(names, rows, strict=True)
    ]
    return element(
        "section",
        element("h2", "Metrics against thresholds and the last runs"),
        table("Metrics", [*heads, *links], body, "card figures"),
    )


def _metric(document: Document, name: str, earlier: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    bounds = document["thresholds"].get(name, {})
    found = values(name, document, earlier)
    bounded = name in document["thresholds"]
    return {
        "metric": title(name),
        "reached": figure(found[-1]),
        "threshold": bounds_text(bounds),
        "published": figure(bounds["published"], 4) if "published" in bounds else "",
        "change": change(found),
        "fault": missed(bounds, document["metrics"].get(name)) if bounded else "",
    }


def _cell(key: str, text: str, fault: str) -> Markup:
    if key != "reached":
        return element("td", text)
    said = element("small", fault) if fault else None
    return element("td", element("b", text), said, class_="why" if fault else None)


def _link(run: Mapping[str, Any]) -> str:
    return f"../{quote(printable(str(run.get('run'))), safe='')}/report.html"


def _when(run: Mapping[str, Any]) -> str:
    try:
        return f"{datetime.fromisoformat(str(run.get('began'))).astimezone(UTC):%d %b %H:%M}"
    except ValueError:
        return str(run.get("run", ""))[-6:]


def timeline(document: Document) -> Markup | None:
    """The steps where they were in time, and below `train` the training job's phases."""
    steps = [each for each in document["steps"] if each["seconds"] >= 0]
    if not steps:
        return None
    end = max(each["start"] + each["seconds"] for each in steps) or 1.0
    rows = []
    for step in steps:
        rows.append(_bar(step["name"].replace("_", " "), step["start"], step["seconds"], end))
        rows += [
            _bar(phase["name"], phase["start"], phase["seconds"], end, "phase")
            for phase in _within(step)
        ]
    return element(
        "section",
        element("h2", "Timeline ", element("small", f"{end:.1f} s")),
        element("div", element("ol", rows, class_="timeline"), class_="card"),
    )


def _within(step: StepMembers) -> list[Any]:
    """Phases, as far as they are within their step: AWS's clock is another one."""
    last = step["start"] + step["seconds"]
    found = []
    for each in step["phases"]:
        start = min(max(each["start"], step["start"]), last)
        end = min(max(each["start"] + each["seconds"], start), last)
        if end - start >= SHORTEST:  # the last one, `Completed`, takes no time
            found.append({"name": each["name"], "start": start, "seconds": end - start})
    return found


def _bar(name: str, start: float, seconds: float, end: float, kind: str = "step") -> Markup:
    place = f"--start:{100 * start / end:.2f}%;--wide:{100 * seconds / end:.2f}%"
    return element(
        "li",
        element("span", name, class_="name"),
        element("span", element("i", style=place), class_="track"),
        element("span", f"{seconds:.{2 if seconds < 100 else 1}f} s", class_="time"),
        class_=kind,
    )


def samples(document: Document) -> Markup | None:
    """Requests and answers, as they were."""
    sets = [each for each in document["answers"] if each["samples"]]
    if not sets:
        return None
    return element("section", element("h2", "Requests and answers"), *map(_samples, sets))


def _samples(each: AnswersMembers) -> Markup:
    latency = each["latency"]
    rows = each["rows"]
    facts = (
        _counted(each["requests"], "request"),
        _counted(rows, "answer") if rows is not None else "",
        f"first answer after {_milliseconds(latency['first'])}" if latency else "",
        f"median {_milliseconds(latency['median'])}" if latency and each["requests"] > 1 else "",
    )
    pairs = [
        element(
            "div",
            _body("request", each["content_type"], sample["request"], sample["request_bytes"]),
            _body(
                f"answer, {_milliseconds(sample['seconds'])}" if sample["seconds"] else "answer",
                each["accept"], sample["answer"], sample["answer_bytes"],
            ),
            class_="pair",
        )
        for sample in each["samples"]
    ]  # fmt: skip
    name = element("h3", each["name"]) if each["name"] else None
    said = element("p", " · ".join(fact for fact in facts if fact), class_="soft")
    return element("div", name, said, *pairs, class_="card sample")


def _body(what: str, content_type: str, text: str, size: int) -> Markup:
    head = element("p", f"{what} ", element("small", f"{content_type} · {figures.size(size)}"))
    shown: Markup = (
        element("pre", text, tabindex="0") if text else element("p", "no text", class_="none")
    )
    return element("div", head, shown)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def logs(document: Document, seen: Seen) -> Markup | None:
    """What containers have written, the last lines; a failed run's are open."""
    files = {each["group"]: each for each in document["logs"]}
    found = []
    for log in seen.logs:
        if log.group not in files or not log.lines:
            continue
        told = files[log.group]
        lines = list(log.lines)[-LOG_LINES:]
        streams = {line.stream for line in lines}
        shown = joined(
            Markup("\n").join(
                joined(
                    element("time", f"{_time(line.written)} "),
                    element("b", f"{_host(line.stream)} ") if len(streams) > 1 else None,
                    line.text[:LOG_CHARACTERS],
                )
                for line in lines
            )
        )
        more = f"the last {len(lines)} of {told['lines']:,}" if told["lines"] > len(lines) else ""
        said = more or _counted(told["lines"], "line")
        found.append(
            element(
                "details",
                element("summary", log.group, " ", element("small", said)),
                element("pre", shown, tabindex="0"),
                class_="card log",
                open=bool(document["error"]),
            )
        )
    return element("section", element("h2", "Logs"), *found) if found else None


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%H:%M:%S.%f}"[:-3]


def _host(stream: str) -> str:
    return stream.rpartition("/")[2]


def about(document: Document, files: Sequence[str]) -> Markup:
    """What it was made of, and the files beside the page."""
    hyperparameters = ", ".join(f"{k} = {v}" for k, v in document["hyperparameters"].items())
    facts = {
        "image": document["image"],
        "training job": document["training_job"],
        "hyperparameters": hyperparameters,
        "endpoint": document["endpoint"],
        "trained model": document["model_data"],
    }
    local = document["local"]
    if local:
        facts["served here as well"] = (
            f"largest relative difference {figure(local['difference'], 3)}"
        )
    rows = [
        joined(element("dt", name), element("dd", value, class_="mono"))
        for name, value in facts.items()
        if value
    ]
    links = [element("li", element("a", name, href=quote(printable(name)))) for name in files]
    left = joined(element("dt", "files"), element("dd", element("ul", links, class_="files")))
    return element(
        "section", element("h2", "What it was"), element("dl", rows, left, class_="card")
    )
