"""What a fitted model keeps of each feature: a piecewise polynomial that numpy alone evaluates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

Floats: TypeAlias = NDArray[np.float64]

FEW = 32  # rows for which all curves at once take less time than one after the other
WIDE = 50  # times the usual interval, as beside a value far from all others
BLOCK = 4096  # rows at a time, so that what is made of them stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A spline as one polynomial per interval of its knots, with a straight line beyond either end.

    Piece ``i`` holds where ``breaks[i - 1] <= x < breaks[i]`` and is a polynomial in
    ``x - anchors[i]``; the first and the last piece are the straight lines.

    Attributes:
        breaks: where pieces meet, ascending, shape (intervals + 1,): the distinct knots, and the
            middle of an interval much wider than the others.
        anchors: the origin of each piece, shape (intervals + 2,).
        coefficients: shape (degree + 1, intervals + 2), the highest power first.
    """

    breaks: Floats
    anchors: Floats
    coefficients: Floats

    @classmethod
    def from_bspline(cls, knots: Floats, weights: Floats, degree: int) -> Curve:
        """Convert a B-spline: ``knots`` with their multiplicity, one weight per basis function."""
        from scipy.interpolate import PPoly, splev  # 0.3 s to import, and only a fit needs it

        spline = (knots, weights, degree)
        pieces = PPoly.from_spline(spline)
        inside = np.flatnonzero(np.diff(pieces.x) > 0)
        breaks = np.append(pieces.x[inside], pieces.x[-1])
        ends = breaks[[0, -1]]
        lines = np.zeros((degree + 1, 2))
        lines[-2] = splev(ends, spline, der=1)
        lines[-1] = splev(ends, spline)
        anchors, coefficients = breaks[:-1], pieces.c[:, inside]

        # A polynomial that spans a gap in the data has its digits near its anchor only: where an
        # interval is that wide, its second half is anchored at its end.
        widths = np.diff(breaks)
        wide = np.flatnonzero(widths > WIDE * np.median(widths))
        if len(wide):
            mirrored = PPoly.from_spline((-knots[::-1], weights[::-1], degree)).c[:, ::-1]
            signs = (-1.0) ** np.arange(degree, -1, -1)[:, None]
            # Interval i of the spline is the last but i of the mirrored one.
            seconds = (signs * mirrored)[:, inside[wide]]
            middles, closes = (breaks[wide] + breaks[wide + 1]) / 2, breaks[wide + 1]
            breaks = np.insert(breaks, wide + 1, middles)
            anchors = np.insert(anchors, wide + 1, closes)
            coefficients = np.insert(coefficients, wide + 1, seconds, axis=1)
        return cls(
            breaks=breaks,
            anchors=np.concatenate((breaks[:1], anchors, ends[1:])),
            coefficients=np.hstack((lines[:, :1], coefficients, lines[:, 1:])),
        )

    @property
    def lower(self) -> float:
        """The smallest value seen in training."""
        return float(self.breaks[0])

    @property
    def upper(self) -> float:
        """The largest value seen in training."""
        return float(self.breaks[-1])

    def __call__(self, x: Floats) -> Floats:
        """The curve at finite ``x``, shape (n,); a new array of that shape."""
        piece = self.breaks.searchsorted(x, side="right")
        offset = x - self.anchors.take(piece)
        value: Floats = self.coefficients[0].take(piece)
        for coefficient in self.coefficients[1:]:
            value *= offset
            value += coefficient.take(piece)
        return value


class Curves(tuple[Curve, ...]):  # noqa: SLOT001 - a tuple can have none
    """One curve per feature, and the sum of them.

    Attributes:
        lower: the smallest value of each feature in training, shape (features,).
        upper: the largest.
    """

    lower: Floats
    upper: Floats
    _breaks: Floats
    _anchors: Floats
    _coefficients: Floats
    _first: NDArray[np.intp]

    def __new__(cls, curves: Iterable[Curve]) -> Self:
        self = super().__new__(cls, curves)
        self.lower = np.array([curve.lower for curve in self])
        self.upper = np.array([curve.upper for curve in self])
        # The curves once more, side by side: padded to as many pieces and powers.
        powers = max(len(curve.coefficients) for curve in self)
        knots = max(len(curve.breaks) for curve in self)
        self._breaks = np.full((len(self), 1, knots), np.inf)
        self._anchors = np.zeros((len(self), knots + 1))
        self._coefficients = np.zeros((powers, len(self), knots + 1))
        self._first = np.arange(len(self))[:, None] * (knots + 1)
        for index, curve in enumerate(self):
            count = len(curve.breaks)
            self._breaks[index, 0, :count] = curve.breaks
            self._anchors[index, : count + 1] = curve.anchors
            start = powers - len(curve.coefficients)
            self._coefficients[start:, index, : count + 1] = curve.coefficients
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Curves, (tuple(self),)

    def __call__(self, rows: Floats) -> Floats:
        """The sum of the curves at finite ``rows``, shape (n, features); a new array, shape (n,).

        A row's sum has the same bits whatever rows come with it.
        """
        if len(rows) <= FEW and len(self) > 1:
            return self._at_once(rows.T)
        total = np.zeros(len(rows))
        for start in range(0, len(rows), BLOCK):
            part = total[start : start + BLOCK]
            columns = np.ascontiguousarray(rows[start : start + BLOCK].T)
            for curve, column in zip(self, columns, strict=True):
                part += curve(column)
        return total

    def _at_once(self, columns: Floats) -> Floats:
        """What one curve does, as operations on all of them; ``columns`` is (features, n)."""
        piece = (columns[:, :, None] >= self._breaks).sum(axis=2)
        piece += self._first
        offset = columns - self._anchors.take(piece)
        value: Floats = self._coefficients[0].take(piece)
        for coefficient in self._coefficients[1:]:
            value *= offset
            value += coefficient.take(piece)
        total: Floats = np.add.reduce(value, axis=0)
        return total
