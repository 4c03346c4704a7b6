"""The penalty on a spline's second derivative, as a square root that units don't spoil.

statsmodels weighs ``2 alpha * integral of f''(x)²`` against the sum of squared residuals. In a
small unit of x that matrix is so much larger than the data's that its rounding errors alone
outweigh them. So it is made where x goes from 0 to 1, and split: straight lines, which it leaves
free, are a coefficient of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import splev
from scipy.linalg import qr

if TYPE_CHECKING:
    from gam_model.bases import SplineBasis
    from gam_model.curves import Floats

RIGID = 1e100  # as the square root of a penalty's weight: no curve but a straight line is left

# Simpson's rule over four parts of a knot interval, as statsmodels has it: exact up to degree 3.
SHARES = np.arange(4) / 4
SIMPSON = np.array([1.0, 4.0, 2.0, 4.0, 1.0]) / 12


@dataclass(frozen=True, slots=True, eq=False)
class Penalty:
    """The penalty of one spline: ``weight * |root @ theta|²``, its ``weights = turn @ theta``.

    Attributes:
        turn: shape (size, size); one of its columns is a straight line, the rest unit vectors.
        root: shape (rank, size), zero in the column of the straight line.
        span: the range of x in its unit.
    """

    turn: Floats
    root: Floats
    span: float

    def weight(self, alpha: float) -> float:
        """The square root of the weight that is statsmodels' ``alpha`` in x's own unit."""
        return float(min(np.sqrt(2 * alpha) / self.span**1.5, RIGID))

    def alpha(self, weight: float) -> float:
        """The ``alpha`` whose :meth:`weight` this is."""
        return float((weight * self.span**1.5) ** 2 / 2)


def make_penalty(basis: SplineBasis) -> Penalty:
    """The penalty of a spline with the knots of ``basis``."""
    knots, degree = basis.unit_knots(), basis.degree
    # A straight line's weights are the means of the knots within each function's support.
    line = np.array([knots[i + 1 : i + degree + 1].mean() for i in range(1, basis.size + 1)])
    supports = knots[degree + 2 :] > knots[1 : -degree - 1]
    last = int(np.flatnonzero(supports)[-1])
    turn = np.eye(basis.size)
    turn[:, last] = line

    breaks = np.unique(knots)
    widths = np.diff(breaks)
    points = np.append((breaks[:-1, None] + widths[:, None] * SHARES).ravel(), breaks[-1])
    weights = np.zeros(len(points))
    for shift, share in enumerate(SIMPSON):
        weights[shift : len(points) - 4 + shift : 4] += share * widths
    # BSpline differs from FITPACK, which statsmodels uses, where ties repeat an end's knots.
    bends = np.array(splev(points, (knots, list(np.eye(basis.size + 1)[1:]), degree), der=2)).T
    bends[:, last] = 0.0
    rows = np.sqrt(weights)[:, None] * bends
    rows = rows[np.argsort(-np.abs(rows).max(axis=1))]
    # Large rows first and columns pivoted: then small rows keep their own accuracy.
    triangle, order = qr(rows, mode="r", pivoting=True, check_finite=False)
    triangle = triangle[: basis.size]
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > len(rows) * np.finfo(float).eps * diagonal[0]).sum())
    root = np.empty_like(triangle)
    root[:, order] = triangle
    return Penalty(turn, root[:rank], basis.span)
