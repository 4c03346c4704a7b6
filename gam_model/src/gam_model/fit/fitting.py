"""The fit itself: one pass over the rows, a small system to solve, and statsmodels' view of it.

Importing this module imports statsmodels, which takes about a second: only ``fit`` does it.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from gam_model.bases import FactorBasis, LinearBasis, SplineBasis
from gam_model.fit.coefficients import Coefficients
from gam_model.fit.condensing import condense, with_constant
from gam_model.fit.iterating import Rows
from gam_model.fit.quantiles import quantiles
from gam_model.fit.selecting import Criterion, select_weights
from gam_model.fit.summary import Estimate, Figures, summarize
from gam_model.uncertainty import Uncertainty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.bases import Basis
    from gam_model.curves import Curves, Floats
    from gam_model.families import Family
    from gam_model.fit.selecting import Method
    from gam_model.fit.solving import Solution, System
    from gam_model.parameters import Term

LIBRARIES = ThreadpoolController()
MOST_LEVELS = 1000
TINY = 1e-24  # a sum of squares that is rounding alone, of a response below 1


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What a model is fitted to.

    Attributes:
        X: shape (rows, features), finite.
        y: shape (rows,), finite.
        weights: shape (rows,), above 0: a row of weight 2 counts as two rows; ``None`` is 1 each.
        names: the features' names, for the summary.
        target: the name of ``y``, for the summary.
    """

    X: Floats
    y: Floats
    weights: Floats | None
    names: Sequence[str]
    target: str

    @property
    def total(self) -> float:
        """How many rows the weights make of them."""
        return len(self.y) if self.weights is None else float(self.weights.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted model without its training rows: ``intercept + sum of curves``.

    Attributes:
        centres: the mean of each curve over the training rows.
        alpha: the penalties' weights in statsmodels' meaning, one a feature; NaN where none is.
        edf: effective degrees of freedom, one a feature.
        scale: the variance of the rows about the fit; 1 of a distribution that has its own.
    """

    intercept: float
    curves: Curves
    centres: Floats
    alpha: Floats
    edf: Floats
    scale: float
    uncertainty: Uncertainty
    summary: str


def fit_gam(
    data: Data, terms: Sequence[Term], method: Method | None, family: Family | None = None
) -> Fit:
    """Fit a GAM with a constant and a term per column of ``X``.

    A Gaussian one is solved on the rows of :func:`~gam_model.fit.condensing.condense`, which have
    the estimate, the standard errors and the sums of squares of all rows. So time beyond one pass
    over the rows, and memory beyond a block of them, depend on the number of coefficients alone.
    Others take such a pass for each step of iteratively reweighted least squares.

    Args:
        data: what to fit to.
        terms: one per feature, already checked against the data.
        method: how the penalties' weights are selected; ``None`` takes the terms' ``alpha``.
        family: the target's distribution; ``None`` is the normal one.
    """
    # The decomposition of a narrow matrix gives a second thread little to do, and on a busy machine
    # waiting for that thread takes ten times as long.
    with LIBRARIES.limit(limits=1, user_api="blas"):
        coefficients = Coefficients(make_bases(data, terms))
        if family is None:
            return _fit_gaussian(data, terms, method, coefficients)
        return _fit_family(data, terms, method, coefficients, family)


def _fit_gaussian(
    data: Data, terms: Sequence[Term], method: Method | None, coefficients: Coefficients
) -> Fit:
    unit, centre = unit_and_centre(data.y, data.weights)

    def respond(rows: slice, design: Floats) -> None:
        design[:, -1] = data.y[rows] / unit - centre
        if data.weights is not None:
            design *= np.sqrt(data.weights[rows])[:, None]

    factor = condense(data.X, coefficients.bases, respond)
    system = coefficients.system(factor)
    weights = penalty_weights(system, coefficients, terms, Criterion(method, data.total))
    solution = system.solve(weights)
    warn_if_worse_than_the_mean(solution.sum_of_squares, sum_about_the_mean(factor))

    columns = coefficients.columns(solution.theta) * unit
    columns[0] += centre * unit
    rows = with_constant(factor, data.total)
    rows[:, -1] = (rows[:, -1] + centre) * unit
    estimate = Estimate(rows, columns, coefficients.columns(solution.root), data.total)
    deviation = residual_deviation(solution, data.total) * unit
    means = factor[0, :-1] / factor[0, 0]
    return _fit_of(data, coefficients, weights, solution, estimate, deviation, means)


def _fit_family(
    data: Data,
    terms: Sequence[Term],
    method: Method | None,
    coefficients: Coefficients,
    family: Family,
) -> Fit:
    rows = Rows(data.X, data.y, data.weights, coefficients, family)
    criterion = Criterion(method, data.total, scale_is_known=True)
    found = rows.iterate(lambda system: penalty_weights(system, coefficients, terms, criterion))
    null = rows.null_deviance()
    warn_if_worse_than_the_mean(found.passed.deviance, null)

    working = float(found.passed.factor[:, 0] @ found.passed.factor[:, 0])
    estimate = Estimate(
        with_constant(found.passed.factor, working),
        coefficients.columns(found.solution.theta),
        coefficients.columns(found.solution.root),
        data.total,
        working,
        Figures(family, found.passed.deviance, null, rows.saturated(), found.passed.pearson),
        found.steps,
    )
    return _fit_of(
        data, coefficients, found.weights, found.solution, estimate, 1.0, found.passed.means
    )


def _fit_of(
    data: Data,
    coefficients: Coefficients,
    weights: Floats,
    solution: Solution,
    estimate: Estimate,
    deviation: float,
    means: Floats,
) -> Fit:
    """What is kept of a solution; ``deviation`` is the root of the scale."""
    columns = estimate.weights
    return Fit(
        intercept=float(columns[0]),
        curves=coefficients.curves(columns),
        centres=coefficients.per_feature(means * columns),
        alpha=coefficients.alpha(weights),
        edf=coefficients.per_feature(solution.edf),
        scale=deviation * deviation,
        uncertainty=Uncertainty.from_root(coefficients.bases, deviation * estimate.root, means),
        summary=summarize(estimate, coefficients.bases, data.names, data.target),
    )


def make_bases(data: Data, terms: Sequence[Term]) -> list[Basis]:
    """Each feature's columns; splines with the knots of statsmodels' ``BSplines``.

    Raises:
        ValueError: a factor has more levels than make sense.
    """
    bases: list[Basis] = []
    for name, column, term in zip(data.names, data.X.T, terms, strict=True):
        if term.kind == "linear":
            bases.append(LinearBasis(float(column.min()), float(column.max())))
        elif term.kind == "factor":
            levels = np.unique(column)
            if len(levels) > min(MOST_LEVELS, len(column)):
                raise ValueError(
                    f"Feature {name!r} has {len(levels)} levels, more than the {MOST_LEVELS} that "
                    "a factor may have: make it a 'spline' or 'linear' term."
                )
            bases.append(FactorBasis(levels))
        else:
            bases.append(SplineBasis(spline_knots(column, term, data.weights), term.degree))
    return bases


def spline_knots(column: Floats, term: Term, weights: Floats | None = None) -> Floats:
    """The ends as often as the degree takes, and quantiles between them."""
    ends = np.array([column.min(), column.max()]).repeat(term.degree + 1)
    shares = np.linspace(0, 1, term.inner_knots + 2)[1:-1]
    knots: Floats = np.sort(np.concatenate((ends, quantiles(column, shares, weights))))
    return knots


def penalty_weights(
    system: System, coefficients: Coefficients, terms: Sequence[Term], criterion: Criterion
) -> Floats:
    """The square roots of the penalties' weights: as given, or as the criterion selects them."""
    if criterion.method is not None:
        return select_weights(system, criterion)
    return np.array(
        [penalty.weight(terms[index].alpha or 0.0) for index, penalty in coefficients.penalties]
    )


def unit_and_centre(y: Floats, weights: Floats | None) -> tuple[float, float]:
    """A power of 2 that ``y`` is divided by, so that squares are numbers, and then its mean."""
    unit = math.ldexp(1.0, math.frexp(float(np.abs(y).max()))[1] - 1) or 1.0
    return unit, float(np.average(y / unit, weights=weights))


def residual_deviation(solution: Solution, total: float) -> float:
    """The root of the residual variance; NaN where no degree of freedom is left for it."""
    free = total - float(solution.edf.sum())
    return math.sqrt(solution.sum_of_squares / free) if free > 1e-6 else math.nan


def sum_about_the_mean(factor: Floats) -> float:
    """The sum of squares that the response of condensed rows has about its mean."""
    constant, response = factor[:, 0], factor[:, -1]
    about = response - constant * ((constant @ response) / (constant @ constant))
    return float(about @ about)


def warn_if_worse_than_the_mean(deviance: float, of_mean: float) -> None:
    """Warn of a deviance, that is, a residual sum of squares, above that of a constant.

    No exact solution has one, as the constant takes no penalty: it says that digits ran out.
    """
    if not deviance <= of_mean * (1 + 1e-6) + TINY:
        warnings.warn(
            f"The fit is worse than the mean: its residual deviance is {deviance / of_mean:.3g} "
            "times that of a constant. Look for values far from all others, and for units in "
            "which a feature's range is a very large or a very small number.",
            stacklevel=5,
        )
