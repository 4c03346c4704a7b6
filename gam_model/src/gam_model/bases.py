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
    def labels(self) -> list[str]:
        """What follows the feature's name in the summary, one a column."""
        ...

    def design(self, column: Floats) -> Floats:
        """The columns at values within the training's range, shape (n,); returns (n, size)."""
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
    def labels(self) -> list[str]:
        return [f"_s{index}" for index in range(self.size)]

    @property
    def span(self) -> float:
        """The feature's range, in its unit."""
        return float(self.knots[-1] - self.knots[0])

    def unit_knots(self) -> Floats:
        """The knots where the feature goes from 0 to 1."""
        unit: Floats = (self.knots - self.knots[0]) / self.span
        return unit

    def design(self, column: Floats) -> Floats:
        from scipy.interpolate import BSpline

        basis = BSpline.design_matrix(np.ascontiguousarray(column), self.knots, self.degree)
        columns: Floats = basis.toarray(order="F")[:, 1:]
        return columns

    def curve(self, weights: Floats) -> Curve:
        return Curve.from_bspline(self.knots, np.append(0.0, weights), self.degree)
