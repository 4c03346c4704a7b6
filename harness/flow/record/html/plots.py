"""Plots as SVG, drawn here: what is needed are points, lines, a band and two axes.

matplotlib would take 0.4 s to import and 60 MB to install, and plotly's pages 4 MB each; and
neither takes its colours from the page, which is light, dark or printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from harness.flow.record.answered import can_be_drawn
from harness.flow.record.html.element import element
from harness.flow.record.html.scale import Scale, label, scale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.flow.project.payloads import Array

MOST_POINTS = 1500
"""Points that are drawn of a set; of more, so many in even distances."""

TOLD_POINTS = 400
"""Points of a set up to which each says its values when it is pointed at."""

CHARACTER = 7.2
"""Width of one, at the size that axes are labelled in."""


@dataclass
class Plot:
    """A plot of `width` to `height`; what is added first is behind.

    `title` is for who can't see it.
    `x_label` and `y_label` are the axes'; all values have a place between `x` and `y`.
    """

    title: str
    x: Scale
    y: Scale
    width: float
    height: float
    x_label: str
    y_label: str
    _layers: list[Markup] = field(default_factory=list)

    def points(self, x: Array, y: Array, kind: str, told: Sequence[str] = ()) -> None:
        """Points of a kind, which the page has a colour for; `told` is what each says."""
        chosen = sampled(np.flatnonzero(can_be_drawn(x, y)), MOST_POINTS)
        places = list(zip(self.x.all(x[chosen]), self.y.all(y[chosen]), strict=True))
        if told and len(places) <= TOLD_POINTS:
            drawn = Markup(  # noqa: S704  # of numbers, and of what is escaped
                "".join(
                    f'<circle cx="{left}" cy="{top}" r="3"><title>{escape(told[number])}</title>'
                    "</circle>"
                    for number, (left, top) in zip(chosen.tolist(), places, strict=True)
                )
            )
        else:
            drawn = element("path", d="".join(f"M{x} {y}h0" for x, y in places), class_="dots")
        self._layers.append(element("g", drawn, class_=f"points {kind}"))

    def line(self, x: Array, y: Array, kind: str) -> None:
        there = sampled(np.flatnonzero(can_be_drawn(x, y)), MOST_POINTS)
        self._layers.append(
            element("path", d=self._path(x[there], y[there]), class_=f"line {kind}")
        )

    def band(self, x: Array, lower: Array, upper: Array, kind: str) -> None:
        there = np.flatnonzero(can_be_drawn(x, lower, upper))
        there = sampled(there, MOST_POINTS)
        around = np.concatenate([x[there], x[there][::-1]])
        edge = np.concatenate([upper[there], lower[there][::-1]])
        self._layers.append(
            element("path", d=f"{self._path(around, edge)}Z", class_=f"band {kind}")
        )

    def bars(self, edges: Array, heights: Array, kind: str) -> None:
        floor = self.y(0)
        for left, right, height in zip(edges, edges[1:], heights.tolist(), strict=False):
            top, begin, end = self.y(height), self.x(left), self.x(right)
            self._layers.append(
                element(
                    "rect",
                    element("title", f"{left:.4g} to {right:.4g}: {height}"),
                    x=begin, y=top, width=round(max(end - begin - 1, 0.5), 1),
                    height=round(max(floor - top, 0), 1), class_=f"bar {kind}",
                )
            )  # fmt: skip

    def straight(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """A line that helps to read."""
        self._layers.append(
            element(
                "line", x1=self.x(begin[0]), y1=self.y(begin[1]), x2=self.x(end[0]),
                y2=self.y(end[1]), class_="help",
            )
        )  # fmt: skip

    def level(self, value: float, kind: str) -> None:
        """A line across, at one value."""
        self.line(np.array([self.x.low, self.x.high]), np.array([value, value]), kind)

    def _path(self, x: Array, y: Array) -> str:
        places = zip(self.x.all(x), self.y.all(y), strict=True)
        return "M" + "L".join(f"{left} {top}" for left, top in places) if len(x) else "M0 0"

    def drawn(self, kind: str = "") -> Markup:
        """The whole, as an element."""
        return element(
            "svg",
            self._axes(),
            *self._layers,
            viewBox=f"0 0 {self.width} {self.height}",
            role="img",
            aria_label=self.title,
            class_=f"plot {kind}".strip(),
        )

    def _axes(self) -> Markup:
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        parts: list[Markup] = []
        ticks = self.y.ticks(max(4, int((bottom - top) / 48)))
        for value, text in zip(ticks, _labels(ticks), strict=True):
            at = self.y(value)
            parts.append(element("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
            parts.append(element("text", text, x=left - 8, y=at + 4, text_anchor="end"))
        ticks = self.x.ticks(max(3, int((right - left) / 80)))
        for value, text in zip(ticks, _labels(ticks), strict=True):
            at = self.x(value)
            parts.append(element("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis"))
            parts.append(element("text", text, x=at, y=bottom + 19, text_anchor="middle"))
        parts.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
        parts.append(
            element("text", self.x_label, x=right, y=bottom + 36, text_anchor="end", class_="name")
        )
        parts.append(element("text", self.y_label, x=4, y=12, class_="name"))
        return element("g", *parts, class_="axes")


def plot(
    title: str,
    x: Iterable[Array],
    y: Iterable[Array],
    *,
    size: tuple[float, float],
    labels: tuple[str, str],
    zero: bool = False,
    left: float = 0.0,
) -> Plot:
    """An empty plot with room for such values; `labels` are the axes', `left`: where it
    begins at the least.
    """
    width, height = size
    bottom, top = height - 42.0, 24.0
    vertical = scale(y, bottom, top, zero=zero)
    widest = max((len(each) for each in _labels(vertical.ticks(6))), default=1)
    left = max(left, round(16 + CHARACTER * widest, 1))
    return Plot(title, scale(x, left, width - 14.0), vertical, width, height, *labels)


def spark(values: Sequence[float], *, bound: float | None, title: str) -> Markup:
    """A metric over the runs, small; the last one is marked, and what it has to reach."""
    width, height = 132.0, 34.0
    numbers = np.array(values, float)
    around = [numbers, np.array([] if bound is None else [bound])]
    across = Scale(0, max(1, len(values) - 1), 6, width - 6)
    drawn = Plot(title, across, scale(around, height - 5, 5, room=0), width, height, "", "")
    there = np.flatnonzero(can_be_drawn(numbers))
    parts: list[Markup] = []
    if bound is not None:
        at = drawn.y(bound)
        parts.append(element("line", x1=2, x2=width - 2, y1=at, y2=at, class_="bound"))
    parts.append(
        element("path", d=drawn._path(there.astype(float), numbers[there]), class_="line spark")
    )
    if len(there):
        at = int(there[-1])
        parts.append(
            element("circle", cx=across(at), cy=drawn.y(float(numbers[at])), r=3.5, class_="now")
        )
    return element(
        "svg", *parts, viewBox=f"0 0 {width} {height}", role="img", aria_label=title, class_="spark"
    )


def sampled(places: Array, most: int) -> Array:
    """`most` of the places at the most, in even distances, the first and the last among them."""
    if len(places) <= most:
        return places
    found: Array = places[np.linspace(0, len(places) - 1, most).astype(int)]
    return found


def _labels(ticks: Sequence[float]) -> list[str]:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else (ticks[0] if ticks else 1.0)
    return [label(each, step) for each in ticks]
