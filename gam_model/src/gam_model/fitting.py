"""The fit itself: one pass over the rows, a small system to solve, and statsmodels' view of it.

Importing this module imports statsmodels, which takes about a second: only ``fit`` does it.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from gam_model.bases import SplineBasis
from gam_model.condensing import condense, with_constant
from gam_model.curves import Curves, Floats
from gam_model.penalty import Penalty, make_penalty
from gam_model.solving import System
from gam_model.summary import Estimate, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.bases import Basis
    from gam_model.parameters import Term

LIBRARIES = ThreadpoolController()
TINY = 1e-24  # a sum of squares that is rounding alone, of a response below 1


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model without its training rows: ``intercept + sum of curves``."""

    intercept: float
    curves: Curves
    summary: str


def fit_gam(X: Floats, y: Floats, terms: Sequence[Term], names: Sequence[str], target: str) -> Fit:
    """Fit a Gaussian GAM with a constant and one penalised B-spline per column of ``X``.

    It is solved on the rows of :func:`~gam_model.condensing.condense`, which have the estimate, the
    standard errors and the sums of squares of all rows. So time beyond one pass over the rows, and
    memory beyond a block of them, depend on the number of coefficients alone.

    Args:
        X: shape (rows, features), finite.
        y: shape (rows,), finite.
        terms: one per feature, already checked against ``X``.
        names: the features' names, for the summary.
        target: the name of ``y``, for the summary.
    """
    # The decomposition of a narrow matrix gives a second thread little to do, and on a busy machine
    # waiting for that thread takes ten times as long.
    with LIBRARIES.limit(limits=1, user_api="blas"):
        return _fit(X, y, terms, names, target)


def _fit(X: Floats, y: Floats, terms: Sequence[Term], names: Sequence[str], target: str) -> Fit:
    bases = make_bases(X, terms)
    coefficients = Coefficients(bases)
    unit, centre = unit_and_centre(y)

    def respond(rows: slice, design: Floats) -> None:
        design[:, -1] = y[rows] / unit - centre

    factor = condense(X, bases, respond)
    system = coefficients.system(factor)
    solution = system.solve(
        [
            penalty.weight(term.alpha)
            for penalty, term in zip(coefficients.penalties, terms, strict=True)
        ]
    )
    warn_if_worse_than_the_mean(solution.sum_of_squares, factor)

    weights = coefficients.weights(solution.theta) * unit
    weights[0] += centre * unit
    rows = with_constant(factor, len(y))
    rows[:, -1] = (rows[:, -1] + centre) * unit
    summary = summarize(
        Estimate(
            rows=rows,
            weights=weights,
            root=coefficients.weights(solution.root),
            total=len(y),
        ),
        bases,
        names,
        target,
    )
    return Fit(float(weights[0]), coefficients.curves(weights), summary)


class Coefficients:
    """The coefficients that are solved for, and the columns' weights that they stand for.

    Attributes:
        bases: one per feature.
        penalties: of the features that have one, in the features' order.
    """

    def __init__(self, bases: Sequence[Basis]) -> None:
        self.bases = bases
        ends = np.cumsum([1, *(basis.size for basis in bases)])
        self._slices = [slice(*pair) for pair in pairwise(ends)]
        self._made: list[tuple[slice, Penalty]] = [
            (part, make_penalty(basis))
            for part, basis in zip(self._slices, bases, strict=True)
            if isinstance(basis, SplineBasis)
        ]
        self.penalties = [penalty for _, penalty in self._made]

    def system(self, factor: Floats) -> System:
        """What to solve, for the triangular factor of the design matrix and the response."""
        X = factor[:, :-1].copy()
        for part, penalty in self._made:
            X[:, part] = X[:, part] @ penalty.turn
        roots = [(part.start, penalty.root) for part, penalty in self._made]
        return System(X, factor[:, -1], roots)

    def weights(self, theta: Floats) -> Floats:
        """Weights of the design matrix' columns, shape (columns, …), for coefficients of it."""
        turned = theta.copy()
        for part, penalty in self._made:
            turned[part] = penalty.turn @ theta[part]
        return turned

    def curves(self, weights: Floats) -> Curves:
        """Each feature's curve."""
        return Curves(
            basis.curve(weights[part]) for part, basis in zip(self._slices, self.bases, strict=True)
        )


def make_bases(X: Floats, terms: Sequence[Term]) -> list[SplineBasis]:
    """Each feature's columns, with the knots of statsmodels' ``BSplines``: at its quantiles."""
    return [
        SplineBasis(spline_knots(column, term), term.degree)
        for column, term in zip(X.T, terms, strict=True)
    ]


def spline_knots(column: Floats, term: Term) -> Floats:
    ends = np.array([column.min(), column.max()]).repeat(term.degree + 1)
    shares = np.linspace(0, 1, term.inner_knots + 2)[1:-1]
    # All quantiles at once take a tenth of the time that BSplines needs for one by one.
    knots: Floats = np.sort(np.concatenate((ends, np.percentile(column, 100 * shares))))
    return knots


def unit_and_centre(y: Floats) -> tuple[float, float]:
    """A power of 2 that ``y`` is divided by, so that squares are numbers, and then its mean."""
    unit = math.ldexp(1.0, math.frexp(float(np.abs(y).max()))[1])
    return (unit, float((y / unit).mean())) if unit > 0 else (1.0, 0.0)


def warn_if_worse_than_the_mean(residual: float, factor: Floats) -> None:
    """Warn of a residual sum of squares above that about the mean.

    No exact solution has one, as the constant takes no penalty: it says that digits ran out.
    """
    constant, response = factor[:, 0], factor[:, -1]
    about = response - constant * ((constant @ response) / (constant @ constant))
    mean = float(about @ about)
    if not residual <= mean * (1 + 1e-6) + TINY:
        warnings.warn(
            f"The fit is worse than the mean: its residual sum of squares is {residual / mean:.3g} "
            "times that about the mean. Look for values far from all others, and for units in "
            "which a feature's range is a very large or a very small number.",
            stacklevel=4,
        )
