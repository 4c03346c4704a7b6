"""The report as Markdown, for a CI's job summary: the page's parts as far as Markdown has them."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.flow.record.answered import can_be_drawn
from harness.flow.record.document import printable
from harness.flow.record.figures import bounds_text, change, figure, missed, title, values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.flow.record.answered import Answered
    from harness.flow.record.document import AnswersMembers, Document
    from harness.flow.record.seen import Seen

VARIABLE = "GITHUB_STEP_SUMMARY"
"""GitHub's name of the file that a step appends its summary to; Forgejo and Gitea have it, too."""

MOST_BYTES = 900_000
"""Of a summary; GitHub refuses a step's that is larger than 1 MiB."""

LOG_LINES = 40
SHOWN = 12
"""Classes of a confusion matrix that is shown."""

BAR = 24
"""Characters of the longest step's bar."""

GRID = 60
"""Places of the curve: GitHub draws it."""


def append(document: Document, seen: Seen, earlier: Sequence[Mapping[str, Any]]) -> None:
    """Append the summary to the CI's file, if there is one.

    Raises:
        OSError: it can't be written.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    text = markdown(document, seen, earlier).encode("utf-8", "replace")
    with Path(path).open("ab") as file:
        file.write(text[:MOST_BYTES])


def markdown(document: Document, seen: Seen, earlier: Sequence[Mapping[str, Any]]) -> str:
    verdict = "✅ passed" if document["passed"] else "❌ failed"
    parts = [
        f"## {_text(document['project'])} {verdict}",
        (
            f"`{document['run']}` on {document['target']} ({document['region']}), "
            f"{document['seconds'].get('total', 0):.1f} s, image `{document['image']}`"
        ),
    ]
    if document["error"]:
        parts.append(_code(document["error"]))
    parts += _metrics(document, earlier)
    parts += [_curve(seen)] if _is_drawn(seen) else []
    for each in document["answers"]:
        parts += _of(each)
    parts += [_steps(document), *_samples(document), *_logs(seen, document)]
    parts += [f"> {_text(note)}" for note in document["notes"]]
    return "\n\n".join(part for part in parts if part) + "\n\n"


def _metrics(document: Document, earlier: Sequence[Mapping[str, Any]]) -> list[str]:
    names = list(dict.fromkeys((*document["thresholds"], *document["metrics"])))
    rows = []
    for name in names:
        bounds = document["thresholds"].get(name, {})
        fault = missed(bounds, document["metrics"].get(name)) if bounds else ""
        found = values(name, document, earlier)
        mark = ("❌ " if fault else "✅ ") if bounds_text(bounds) else ""
        published = figure(bounds["published"], 4) if "published" in bounds else ""
        rows.append(
            (_text(title(name)), f"{mark}{figure(found[-1])} {fault}".rstrip(),
             bounds_text(bounds), published, change(found))
        )  # fmt: skip
    heads = ("metric", "reached", "threshold", "published", "since the last run")
    return [_table(heads, rows, right=(1, 2, 3, 4))] if rows else []


def _is_drawn(seen: Seen) -> bool:
    sets = [each for each in seen.answers if each.kind == "numbers"]
    return bool(sets) and all(each.feature is not None for each in sets)


def _curve(seen: Seen) -> str:
    """The fit and the known answer, as Mermaid, which GitHub draws: lines at even distances."""
    sets = [each for each in seen.answers if each.kind == "numbers"]
    x, y = _points(sets)
    if len(x) < 2:
        return ""
    grid = np.linspace(x[0], x[-1], GRID)
    curve = seen.curve
    model = np.interp(grid, *((curve.x, curve.prediction) if curve else (x, y)))
    lines = [f"    line {_numbers(model)}"]
    said = "The model"
    if seen.reference:
        known = np.interp(grid, seen.reference.x, seen.reference.prediction)
        lines.append(f"    line {_numbers(known)}")
        said += f", and {_text(seen.reference_name)}"
    chart = [
        "```mermaid", "xychart-beta", f"    x-axis feature {x[0]:.6g} --> {x[-1]:.6g}",
        "    y-axis target", *lines, "```",
    ]  # fmt: skip
    return f"{said}, over the feature:\n\n" + "\n".join(chart)


def _points(sets: Sequence[Answered]) -> tuple[Any, Any]:
    xs = np.concatenate([each.feature for each in sets if each.feature is not None])
    ys = np.concatenate([each.predictions.astype(float) for each in sets])
    there = can_be_drawn(xs, ys)
    places, first = np.unique(xs[there], return_index=True)
    return places, ys[there][first]


def _numbers(values: Any) -> str:
    return "[" + ", ".join(f"{value:.5g}" for value in values.tolist()) + "]"


def _of(each: AnswersMembers) -> list[str]:
    """Residuals, or the confusion matrix, of a set."""
    name = _text(each["name"] or "all")
    if residuals := each["residuals"]:
        figures = ", ".join(
            f"{key.replace('_', ' ')} {figure(value, 4)}"  # type: ignore[arg-type]
            for key, value in residuals.items()
        )
        reference = each["reference_r2"]
        known = f"; R² of the reference {figure(reference)}" if reference is not None else ""
        return [f"**{name}**, residuals: {figures}{known}"]
    if not (classes := each["classes"]):
        return []
    areas = ", ".join(f"{_text(c['label'])} {figure(c['area'], 4)}" for c in classes["roc"][:SHOWN])
    said = f"**{name}**: {classes['accuracy']:.1%} told rightly" + (
        f"; area under the ROC curve: {areas}" if areas else ""
    )
    if len(classes["labels"]) > SHOWN:
        return [said]
    heads = ["truth \\ answer", *map(_text, classes["labels"])]
    rows = [
        (f"**{_text(label)}**", *map(str, row))
        for label, row in zip(classes["labels"], classes["confusion"], strict=True)
    ]
    return [said, _table(heads, rows, right=range(1, len(heads)))]


def _steps(document: Document) -> str:
    most = max((each["seconds"] for each in document["steps"]), default=0.0) or 1.0
    rows = [
        (each["name"].replace("_", " "), f"{each['seconds']:.2f}",
         "█" * max(1, round(BAR * each["seconds"] / most)))
        for each in document["steps"]
    ]  # fmt: skip
    return _table(("step", "seconds", ""), rows, right=(1,)) if rows else ""


def _samples(document: Document) -> list[str]:
    found = []
    for each in document["answers"]:
        for sample in each["samples"][:1]:
            name = html.escape(printable(each["name"] or "all"))
            found.append(
                _folded(
                    f"A request and its answer, {name}",
                    f"{_code(sample['request'] or 'no text')}\n\n"
                    f"{_code(sample['answer'] or 'no text')}",
                )
            )
    return found


def _logs(seen: Seen, document: Document) -> list[str]:
    return [
        _folded(
            f"The end of the log {html.escape(log.group)}",
            _code("\n".join(line.text[:500] for line in list(log.lines)[-LOG_LINES:])),
            is_open=bool(document["error"]),
        )
        for log in seen.logs
        if log.lines
    ]


def _folded(summary: str, text: str, *, is_open: bool = False) -> str:
    how = " open" if is_open else ""
    return f"<details{how}><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, right: Iterable[int]) -> str:
    heads, aligned = list(heads), set(right)
    rule = [("---:" if number in aligned else "---") for number in range(len(heads))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *rows))


def _code(text: str) -> str:
    """A text as it is: the fence is longer than any in it."""
    text = printable(text).rstrip("\n")
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _text(text: str) -> str:
    """A text that stands between Markdown's."""
    plain = html.escape(" ".join(printable(text).split()), quote=False)
    for mark in "\\|*_`[]#~":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
