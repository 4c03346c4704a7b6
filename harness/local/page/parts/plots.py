"""Plots of a few values over time as SVG, without a style of their own: the page has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from harness.figures import round_values

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 480.0, 190.0

TICKS = 4
"""About how many values an axis has."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 14.0, 12.0, 30.0

_TEMPLATE = Markup('<svg viewBox="0 0 {w} {h}" class="plot" role="img" aria-label="{label}">')


@dataclass(frozen=True)
class Series:
    """A metric: its values at so many seconds after the job's start, or over something else."""

    name: str
    seconds: Sequence[float]
    values: Sequence[float]
    unit: str = ""
    over: str = ""
    """What it is over, if not seconds."""
    is_joined: bool = True
    """Whether it is a line, and not points that have nothing to do with each other."""

    @property
    def last(self) -> str:
        return number(self.values[-1]) + self.unit


def number(value: float) -> str:
    return f"{value:.4g}"


def plot(series: Series) -> Markup:
    """Its values over time, as a line with its points where they are few."""
    begins, ends = (min(series.seconds), max(series.seconds)) if series.over else (0.0, 0.0)
    if not series.over:
        ends = max(series.seconds[-1], 1e-3)
    elif not ends - begins > 1e-9 * max(abs(begins), abs(ends)):
        begins, ends = begins - 1, ends + 1
    unit = "" if series.over else " s"
    low, high = min(series.values), max(series.values)
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        wide = abs(high) * 0.1 or 1.0
        low, high = low - wide, high + wide

    def x(at: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (at - begins) / (ends - begins), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low), 1)

    over = series.over or f"{ends:.3g} seconds"
    label = (
        f"{series.name} over {over}: {len(series.values)} values from "
        f"{number(min(series.values))} to {number(max(series.values))}, the last {series.last}"
    )
    parts = [_TEMPLATE.format(w=WIDTH, h=HEIGHT, label=label)]
    for value in round_values(low, high, TICKS):
        parts += [
            _line(_LEFT, y(value), WIDTH - _RIGHT, y(value)),
            _text(_LEFT - 8, y(value) + 4, number(value), "end"),
        ]
    ticks = round_values(begins, ends, TICKS)
    parts += [_text(x(at), HEIGHT - 10, number(at) + unit, "middle") for at in ticks]
    places = [(x(at), y(each)) for at, each in zip(series.seconds, series.values, strict=True)]
    if len(places) > 1 and series.is_joined:
        path = "L".join(f"{left} {top}" for left, top in places)
        parts.append(Markup('<path class="line" d="M{}"/>').format(path))
    if len(places) <= 60 or not series.is_joined:
        parts += [
            Markup('<circle class="dot" cx="{}" cy="{}" r="3"><title>{}</title></circle>').format(
                left, top, f"{number(each)} at {f'{series.over} {number(at)}{unit}'.strip()}"
            )
            for (left, top), at, each in zip(places, series.seconds, series.values, strict=True)
        ]
    return Markup("").join([*parts, Markup("</svg>")])


@dataclass(frozen=True)
class Phase:
    """A part of a job: its status then, when it began after the job's creation, and how long."""

    name: str
    start: float
    seconds: float
    message: str = ""
    is_now: bool = False


def bar(phase: Phase, whole: float) -> Markup:
    """Where in the `whole` time of all phases this one was."""
    left = 100 * phase.start / whole if whole else 0.0
    wide = max(0.8, 100 * phase.seconds / whole) if whole else 100.0
    return Markup(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" width="100" height="8"/>'
        '<rect class="{kind}" x="{left}" width="{wide}" height="8"/></svg>'
    ).format(
        kind="now" if phase.is_now else "was",
        left=round(min(left, 100 - wide), 2),
        wide=round(wide, 2),
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    form = Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>')
    return form.format(x1, y1, x2, y2)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    form = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
    return form.format(x, y, anchor, text)
