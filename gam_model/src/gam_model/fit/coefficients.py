"""Between the coefficients that are solved for and the weights of the design matrix' columns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gam_model.bases import SplineBasis
from gam_model.curves import Curves
from gam_model.fit.penalty import Penalty, make_penalty
from gam_model.fit.solving import System

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.bases import Basis
    from gam_model.curves import Floats


class Coefficients:
    """The constant's and each feature's coefficients, one after the other.

    Attributes:
        bases: one per feature.
        penalties: of the splines, each with the number of its feature.
    """

    def __init__(self, bases: Sequence[Basis]) -> None:
        self.bases = bases
        ends = np.cumsum([1, *(basis.size for basis in bases)])
        self._slices = [slice(int(start), int(end)) for start, end in pairwise(ends)]
        self.penalties: list[tuple[int, Penalty]] = [
            (index, make_penalty(basis))
            for index, basis in enumerate(bases)
            if isinstance(basis, SplineBasis)
        ]

    def system(self, factor: Floats) -> System:
        """What to solve, for the triangular factor of the design matrix and the response."""
        X = factor[:, :-1].copy()
        roots = []
        for index, penalty in self.penalties:
            part = self._slices[index]
            X[:, part] = X[:, part] @ penalty.turn
            roots.append((part.start, penalty.root))
        return System(X, factor[:, -1], roots)

    def columns(self, theta: Floats) -> Floats:
        """The columns' weights, shape (columns, …), for coefficients or their inverse's root."""
        turned = theta.copy()
        for index, penalty in self.penalties:
            part = self._slices[index]
            turned[part] = penalty.turn @ theta[part]
        return turned

    def curves(self, weights: Floats) -> Curves:
        """Each feature's curve, for the columns' weights."""
        return Curves(
            basis.curve(weights[part]) for part, basis in zip(self._slices, self.bases, strict=True)
        )

    def alpha(self, weights: Floats) -> Floats:
        """statsmodels' ``alpha`` of each feature, for the roots of the penalties' weights."""
        found = np.full(len(self.bases), np.nan)
        for weight, (index, penalty) in zip(weights, self.penalties, strict=True):
            found[index] = penalty.alpha(float(weight))
        return found

    def per_feature(self, values: Floats) -> Floats:
        """The sum of each feature's values, of which there is one a coefficient."""
        return np.array([values[part].sum() for part in self._slices])
