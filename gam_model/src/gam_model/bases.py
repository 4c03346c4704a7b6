"""The columns that a feature has in the design matrix, and the curve that their weights make.

Every basis is zero at the feature's smallest value, since the model has a constant. Importing this
module imports numpy alone, so that a saved model may hold bases; evaluating a spline imports scipy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gam_model.curves import Curve, Floats


class Basis(Protocol):
    """What a fit and its standard errors ask of a feature's columns."""

    @property
    def size(self) -> int:
        """How many columns there are."""
        ...

    @property
    def lower(self) -> float:
        """The feature's smallest value in training."""
        ...

    @property
    def upper(self) -> float:
        """The largest."""
        ...

    @property
    def labels(self) -> list[str]:
        """What follows the feature's name in the summary, one a column."""
        ...

    def design(self, column: Floats) -> Floats:
        """The columns at values within the training's range, shape (n,); returns (n, size)."""
        ...

    def slopes(self, column: Floats) -> Floats:
        """The columns' first derivatives there, shape (n, size)."""
        ...

    def curve(self, weights: Floats) -> Curve:
        """The columns' sum with these weights, shape (size,), as a function of the feature."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SplineBasis:
    """B-splines without the first, which is the only one that is not zero at the smallest value.

    Attributes:
        knots: ascending, in the feature's unit, with multiplicity, shape (size + degree + 2,).
        degree: of the polynomials.
    """

    knots: Floats
    degree: int

    @property
    def size(self) -> int:
        return len(self.knots) - self.degree - 2

    @property
    def lower(self) -> float:
        return float(self.knots[0])

    @property
    def upper(self) -> float:
        return float(self.knots[-1])

    @property
    def labels(self) -> list[str]:
        return [f"_s{index}" for index in range(self.size)]

    @property
    def span(self) -> float:
        """The feature's range, in its unit."""
        return self.upper - self.lower

    def unit_knots(self) -> Floats:
        """The knots where the feature goes from 0 to 1."""
        unit: Floats = (self.knots - self.lower) / self.span
        return unit

    def design(self, column: Floats) -> Floats:
        from scipy.interpolate import BSpline

        basis = BSpline.design_matrix(np.ascontiguousarray(column), self.knots, self.degree)
        columns: Floats = basis.toarray(order="F")[:, 1:]
        return columns

    def slopes(self, column: Floats) -> Floats:
        from scipy.interpolate import BSpline

        spline = BSpline(self.knots, np.eye(self.size + 1), self.degree)
        derivatives: Floats = spline(column, nu=1)[:, 1:]
        return derivatives

    def curve(self, weights: Floats) -> Curve:
        return Curve.from_bspline(self.knots, np.append(0.0, weights), self.degree)


@dataclass(frozen=True, slots=True)
class LinearBasis:
    """One column: what the feature is above its smallest value. Its weight is the slope.

    Attributes:
        lower: the smallest value, in the feature's unit.
        upper: the largest.
    """

    lower: float
    upper: float

    @property
    def size(self) -> int:
        return 1

    @property
    def labels(self) -> list[str]:
        return [""]

    def design(self, column: Floats) -> Floats:
        return (column - self.lower)[:, None]

    def slopes(self, column: Floats) -> Floats:
        return np.ones((len(column), 1))

    def curve(self, weights: Floats) -> Curve:
        slope = float(weights[0])
        ends = np.array([self.lower, self.upper])
        values = slope * (ends - self.lower)
        slopes = np.full(3, slope)
        return Curve(ends, ends[[0, 0, 1]], np.array([slopes, values[[0, 0, 1]]]))


@dataclass(frozen=True, slots=True, eq=False)
class FactorBasis:
    """A column for each level but the lowest: 1 where the feature has that level, else 0.

    Attributes:
        levels: the feature's distinct values, ascending, shape (size + 1,).
    """

    levels: Floats

    @property
    def size(self) -> int:
        return len(self.levels) - 1

    @property
    def lower(self) -> float:
        return float(self.levels[0])

    @property
    def upper(self) -> float:
        return float(self.levels[-1])

    @property
    def labels(self) -> list[str]:
        return [f"[{level:g}]" for level in self.levels[1:]]

    def design(self, column: Floats) -> Floats:
        return np.asfortranarray(column[:, None] == self.levels[1:], dtype=float)

    def slopes(self, column: Floats) -> Floats:
        return np.zeros((len(column), self.size))

    def curve(self, weights: Floats) -> Curve:
        """A step at each level; what is not a level has no value that means anything."""
        values = np.concatenate(([0.0, 0.0], weights))
        return Curve(self.levels, np.zeros(len(values)), values[None])
