"""From values to places in a plot, and the round values that an axis has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.figures import round_values
from harness.flow.record.answered import can_be_drawn
from harness.flow.record.figures import MINUS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.flow.project.payloads import Array


class Scale(NamedTuple):
    """Values from `low` to `high` are at `start` to `end`, in the drawing's unit."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def all(self, values: Array) -> list[float]:
        """The places of many."""
        part = (np.asarray(values, float) - self.low) / (self.high - self.low)
        found: list[float] = np.round(self.start + part * (self.end - self.start), 1).tolist()
        return found

    def ticks(self, most: int) -> list[float]:
        """Round values, about `most` of them."""
        return round_values(self.low, self.high, most)


def scale(
    values: Iterable[Array], start: float, end: float, *, room: float = 0.04, zero: bool = False
) -> Scale:
    """One that all values have room in that can be drawn; `zero`: from 0 on."""
    there = [each[can_be_drawn(each)] for each in values]
    there = [each for each in there if len(each)]
    low = min((float(each.min()) for each in there), default=0.0)
    high = max((float(each.max()) for each in there), default=1.0)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        wide = abs(high) * 0.5 or 0.5
        low, high = low - wide, high + wide
    around = (high - low) * room
    return Scale(low if zero and low == 0 else low - around, high + around, start, end)


def label(value: float, step: float) -> str:
    """A value on an axis whose values are `step` apart."""
    if value == 0 or abs(value) < abs(step) * 1e-6:
        return "0"
    if not 1e-4 <= abs(value) < 1e6 or not math.isfinite(step) or step == 0:
        return f"{value:.3g}".replace("-", MINUS)
    decimals = max(0, min(8, -math.floor(math.log10(abs(step)) + 1e-9)))
    if abs(round(step, decimals) - step) > abs(step) * 1e-3:
        decimals += 1  # steps of 0.25
    return f"{value:.{decimals}f}".replace("-", MINUS)
