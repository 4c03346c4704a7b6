"""What is drawn of answers that are classes: the confusion matrix and the ROC curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.flow.record.figures import figure
from harness.flow.record.html.element import element
from harness.flow.record.html.numbers import SMALL, colour, legend
from harness.flow.record.html.plots import plot
from harness.flow.record.html.table import table

if TYPE_CHECKING:
    from markupsafe import Markup

    from harness.flow.project.payloads import Array
    from harness.flow.record.answered import Answered
    from harness.flow.record.classes import Classes
    from harness.flow.record.seen import Seen

SHOWN = 16
"""Classes of a matrix that is shown; of more, the most frequent confusions are listed."""

LISTED = 15
CURVES = 4


def sections(seen: Seen) -> list[Markup]:
    """A section for each set whose answers are classes."""
    return [
        _section(each, each.classes)
        for each in seen.answers
        if each.kind == "classes" and each.classes
    ]


def _section(each: Answered, found: Classes) -> Markup:
    name = "" if each.name == "all" else f", {each.name}"
    return element(
        "section",
        element("h2", f"Classes{name}"),
        element("div", _matrix(each, found), _roc(found), class_="grid"),
    )


def _matrix(each: Answered, found: Classes) -> Markup:
    whole, right = int(found.matrix.sum()), int(np.trace(found.matrix))
    said = f"{right} of {whole} rows were told rightly ({found.right:.1%})."
    if not found.curves:
        said += " The answers are classes without probabilities, which a ROC curve is made of."
    small = len(found.labels) <= SHOWN
    return element(
        "figure",
        element("h3", "Confusion matrix" if small else "The most frequent confusions"),
        _table(each.name, found) if small else _list(found),
        element("figcaption", said),
        class_="card",
    )


def _table(name: str, found: Classes) -> Markup:
    """Truth downwards, answers across; the deeper the colour, the larger the class's share."""
    shares = found.matrix / np.maximum(1, found.matrix.sum(axis=1, keepdims=True))
    rows = [
        element(
            "tr",
            element("th", label, scope="row"),
            [
                _cell(count, share, row == column)
                for column, (count, share) in enumerate(zip(counts, parts, strict=True))
            ],
        )
        for row, (label, counts, parts) in enumerate(
            zip(found.labels, found.matrix.tolist(), shares.tolist(), strict=True)
        )
    ]
    corner = element("th", element("span", "truth ↓ answer →"), scope="col", class_="corner")
    return table(f"Confusion matrix, {name}", [corner, *found.labels], rows, "matrix")


def _cell(count: int, share: float, right: bool) -> Markup:
    kind = "right" if right else "wrong"
    deep = f"--share:{round(100 * share)}%"
    return element("td", count, class_=kind if count else "zero", style=deep if count else None)


def _list(found: Classes) -> Markup:
    wrong = found.matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    rows = []
    for place in order.tolist():
        row, column = divmod(place, len(found.labels))
        if count := int(wrong[row, column]):
            cells = (found.labels[row], found.labels[column], count)
            rows.append(element("tr", [element("td", cell) for cell in cells]))
    if not rows:
        return element("p", f"None of the {len(found.labels)} classes was confused with another.")
    return table("Confusions", ("truth", "answer", "rows"), rows, "confusions")


def _roc(found: Classes) -> Markup | None:
    """A curve for each class; of many, for those that are told worst."""
    curves = sorted(found.curves, key=lambda each: each.area)[:CURVES]
    if not curves:
        return None
    ends = [np.array([0.0, 1.0])]
    drawn = plot(
        "ROC: " + ", ".join(f"{each.label}, area {each.area:.4f}" for each in curves),
        ends, ends, size=SMALL, labels=("false positives", "true positives"),
    )  # fmt: skip
    drawn.straight((0, 0), (1, 1))
    for number, each in enumerate(curves):
        drawn.line(*_corners(each.false, each.true), colour(number))
    items = [
        (f"line {colour(number)}", f"{each.label}: area {figure(each.area, 4)}")
        for number, each in enumerate(curves)
    ]
    return element(
        "figure",
        element(
            "h3", "ROC" if len(curves) == len(found.curves) else "ROC, of the classes told worst"
        ),
        legend(*items),
        drawn.drawn(),
        class_="card",
    )


def _corners(x: Array, y: Array) -> tuple[Array, Array]:
    """The curve's corners, without those on a straight line between two others."""
    keep = np.ones(len(x), bool)
    keep[1:-1] = (np.diff(x)[:-1] * np.diff(y)[1:]) != (np.diff(x)[1:] * np.diff(y)[:-1])
    return x[keep], y[keep]
