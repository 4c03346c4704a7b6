"""What is drawn of answers that are numbers: the fit, predictions against truth, residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.flow.record.figures import figure
from harness.flow.record.html.element import element
from harness.flow.record.html.plots import plot
from harness.flow.record.html.table import table
from harness.flow.record.seen import Curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from harness.flow.project.payloads import Array
    from harness.flow.record.answered import Answered
    from harness.flow.record.document import Document, ResidualsMembers
    from harness.flow.record.seen import Seen

WIDE, NARROW, SMALL = (1040.0, 400.0), (390.0, 320.0), (400.0, 310.0)
"""Sizes: of a plot by itself, of the same on a phone, and of one of several beside each other."""

STRIP = 210.0
"""Height of a plot below another one."""

LEFT = 56.0
"""Where both begin, unless their labels need more room."""

BARS = 30
COLOURS = 4
"""Sets of requests that are told by their colours; the fifth has the first one's."""


def sections(seen: Seen, document: Document) -> list[Markup]:
    """The sections of all sets whose answers are numbers."""
    sets = [each for each in seen.answers if each.kind == "numbers"]
    if not sets:
        return []
    found = []
    if all(each.feature is not None for each in sets):
        found.append(_fit(seen, sets, document))
    found.append(_compared(sets, document))
    return found


def colour(number: int) -> str:
    return f"set{number % COLOURS + 1}"


def legend(*items: tuple[str, str]) -> Markup:
    """What a plot's marks mean: a kind and its name each."""
    return element(
        "ul",
        [element("li", element("i", class_=kind), name) for kind, name in items],
        class_="legend",
    )


def _feature(each: Answered) -> Array:
    feature = each.feature
    assert feature is not None  # noqa: S101  # the fit is drawn where all have one
    return feature


def _fit(seen: Seen, sets: Sequence[Answered], document: Document) -> Markup:
    curve = seen.curve or _through_the_answers(sets)
    items = [("points " + colour(i), f"data, {each.name}") for i, each in enumerate(sets)]
    items.append(("line model", "the model"))
    if curve.lower is not None:
        items.append(("band model", "its band"))
    if seen.reference:
        items.append(("line reference", seen.reference_name))
    return element(
        "section",
        element("h2", "Data and fit"),
        element(
            "figure",
            legend(*items),
            _drawn_fit(seen, sets, curve, WIDE, "wide"),
            _drawn_fit(seen, sets, curve, NARROW, "narrow"),
            _apart(seen, curve),
            _caption(seen, document),
            class_="card",
        ),
    )


def _drawn_fit(
    seen: Seen, sets: Sequence[Answered], curve: Curve, size: tuple[float, float], kind: str
) -> Markup:
    xs = [*map(_feature, sets), curve.x]
    ys = [*(each.truth for each in sets), curve.prediction]
    drawn = plot(
        f"The target over the feature: {sum(map(len, xs[:-1]))} rows of data, and the fitted curve",
        xs, ys, size=size, labels=("feature", "target"), left=LEFT,
    )  # fmt: skip
    if curve.lower is not None and curve.upper is not None:
        drawn.band(curve.x, curve.lower, curve.upper, "model")
    for number, each in enumerate(sets):
        drawn.points(_feature(each), each.truth, colour(number), _told(each))
    drawn.line(curve.x, curve.prediction, "model")
    if seen.reference:
        drawn.line(seen.reference.x, seen.reference.prediction, "reference")
    return drawn.drawn(kind)


def _apart(seen: Seen, curve: Curve) -> Markup | None:
    """The model less the known answer: beside the data both look the same."""
    if not seen.reference or len(curve.x) < 2:
        return None
    known = np.interp(curve.x, seen.reference.x, seen.reference.prediction)
    found = []
    for (width, _), kind in ((WIDE, "wide"), (NARROW, "narrow")):
        edges = [each - known for each in (curve.lower, curve.upper) if each is not None]
        drawn = plot(
            f"The model less {seen.reference_name}",
            [curve.x], [curve.prediction - known, *edges],
            size=(width, STRIP), labels=("feature", "difference"), zero=True, left=LEFT,
        )  # fmt: skip
        if len(edges) == 2:
            drawn.band(curve.x, edges[0], edges[1], "model")
        drawn.level(0, "reference")
        drawn.line(curve.x, curve.prediction - known, "model")
        found.append(drawn.drawn(kind))
    return element("div", element("h3", f"The model less {seen.reference_name}"), *found)


def _through_the_answers(sets: Sequence[Answered]) -> Curve:
    """The model as its answers tell it: one for each place that was asked for."""
    x = np.concatenate([_feature(each) for each in sets])
    y = np.concatenate([each.predictions.astype(float) for each in sets])
    places, first = np.unique(x, return_index=True)
    return Curve(places, y[first])


def _told(each: Answered) -> list[str]:
    feature = each.feature
    rows = zip(each.truth.tolist(), each.predictions.tolist(), strict=True)
    if feature is None:
        return [f"truth {truth:.6g}, answer {answer:.6g}" for truth, answer in rows]
    return [
        f"feature {x:.6g}: truth {truth:.6g}, answer {answer:.6g}"
        for x, (truth, answer) in zip(feature.tolist(), rows, strict=True)
    ]


def _caption(seen: Seen, document: Document) -> Markup | None:
    """How well the known answer does, which no model is expected to surpass."""
    known = [
        f"{each['name'] or 'all'} {figure(each['reference_r2'])}"
        for each in document["answers"]
        if each["reference_r2"] is not None
    ]
    if not known:
        return None
    return element(
        "figcaption", f"R² of {seen.reference_name} on the same rows: {', '.join(known)}."
    )


def _compared(sets: Sequence[Answered], document: Document) -> Markup:
    items = [("points " + colour(i), each.name) for i, each in enumerate(sets)]
    rows = [
        element(
            "tr",
            element("th", each["name"] or "all", scope="row"),
            [element("td", figure(value, 4)) for value in _values(each["residuals"])],
        )
        for each in document["answers"]
        if each["residuals"]
    ]
    heads = (
        "residuals", "mean", "std. deviation", "smallest", "largest", "mean absolute",
        "root mean square",
    )  # fmt: skip
    return element(
        "section",
        element("h2", "Predictions and residuals"),
        element(
            "div",
            _figure("Predictions against truth", _against_truth(sets), items),
            _figure("Residuals: truth less prediction", _residuals(sets), items),
            _figure("How residuals are spread", _spread(sets), items),
            class_="grid",
        ),
        table("Residuals", heads, rows, "card figures") if rows else None,
    )


def _values(found: ResidualsMembers) -> list[float]:
    """In the order of the table's columns; a mean that is but rounding is 0."""
    mean = 0.0 if abs(found["mean"]) < 1e-9 * found["std"] else found["mean"]
    absolute, square = found["mean_absolute"], found["root_mean_square"]
    return [mean, found["std"], found["min"], found["max"], absolute, square]


def _figure(title: str, drawn: Markup, items: Sequence[tuple[str, str]]) -> Markup:
    head = element("h3", title)
    return element("figure", head, legend(*items) if len(items) > 1 else None, drawn, class_="card")


def _against_truth(sets: Sequence[Answered]) -> Markup:
    truth, predictions = [each.truth for each in sets], [each.predictions for each in sets]
    both = [each.astype(float) for each in (*truth, *predictions)]
    drawn = plot(
        "Predictions against truth", both, both, size=SMALL, labels=("truth", "prediction")
    )
    low, high = drawn.x.low, drawn.x.high
    drawn.straight((low, low), (high, high))
    for number, each in enumerate(sets):
        drawn.points(each.truth, each.predictions.astype(float), colour(number), _told(each))
    return drawn.drawn()


def _residuals(sets: Sequence[Answered]) -> Markup:
    one = all(each.feature is not None for each in sets)
    xs = [_feature(each) if one else each.predictions.astype(float) for each in sets]
    ys = [each.apart for each in sets]
    label = "feature" if one else "prediction"
    drawn = plot("Residuals", xs, ys, size=SMALL, labels=(label, "residual"), zero=True)
    drawn.straight((drawn.x.low, 0), (drawn.x.high, 0))
    for number, each in enumerate(sets):
        drawn.points(xs[number], ys[number], colour(number), _told(each))
    return drawn.drawn()


def _spread(sets: Sequence[Answered]) -> Markup:
    """A histogram of each set, behind each other, of the same bars."""
    found = [each.residuals for each in sets]
    whole = np.concatenate(found)
    if not len(whole):
        return element("p", "None of the residuals is a number.", class_="none")
    bars = min(BARS, max(5, int(np.sqrt(len(whole)) * 1.5)))
    edges = _edges(whole, bars)
    counts = [np.histogram(each, edges)[0] for each in found]
    drawn = plot(
        "How residuals are spread", [edges], [each.astype(float) for each in counts], size=SMALL,
        labels=("residual", "rows"), zero=True,
    )  # fmt: skip
    for number, each in enumerate(counts):
        drawn.bars(edges, each, colour(number))
    return drawn.drawn()


def _edges(values: Array, bars: int) -> Array:
    """The bars' edges, also where values are all the same or as near as numbers get."""
    low, high = float(values.min()), float(values.max())
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        wide = max(abs(high) * 0.01, 0.5)
        low, high = low - wide, high + wide
    return np.linspace(low, high, bars + 1)
