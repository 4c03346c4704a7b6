"""What a fitted model keeps of each feature: a piecewise polynomial that numpy alone evaluates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A spline as one polynomial per knot interval, with a straight line beyond either end.

    Piece ``i`` holds where ``breaks[i - 1] <= x < breaks[i]`` and is a polynomial in
    ``x - anchors[i]``; the first and the last piece are the straight lines.

    Attributes:
        breaks: the distinct knots, ascending, shape (intervals + 1,).
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
        return cls(
            breaks=breaks,
            anchors=np.concatenate((breaks[:1], breaks)),
            coefficients=np.hstack((lines[:, :1], pieces.c[:, inside], lines[:, 1:])),
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
        offset = x - self.anchors[piece]
        powers = self.coefficients[:, piece]
        value: Floats = powers[0]
        for coefficient in powers[1:]:
            value *= offset
            value += coefficient
        return value
