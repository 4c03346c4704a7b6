"""The fit itself: statsmodels' ``GLMGam`` on ``BSplines``, on as few rows as say all of the data.

Importing this module imports statsmodels, which takes about a second: only ``fit`` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import qr
from statsmodels.gam.api import BSplines, GLMGam
from statsmodels.gam.generalized_additive_model import (
    GLMGamResults,
    GLMGamResultsWrapper,
    penalized_wls,
)
from statsmodels.tools.sm_exceptions import PerfectSeparationError
from threadpoolctl import ThreadpoolController

from gam_model.curves import Curve, Curves, Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.parameters import Term

BLOCK = 2 * 1024 * 1024  # values of the design matrix that are in memory at a time: 16 MB
LIBRARIES = ThreadpoolController()


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model without its training rows: ``intercept + sum of curves``."""

    intercept: float
    curves: Curves
    summary: str


def fit_gam(X: Floats, y: Floats, terms: Sequence[Term], names: Sequence[str], target: str) -> Fit:
    """Fit a Gaussian GAM with a constant and one penalised B-spline per column of ``X``.

    statsmodels fits it to the rows of :func:`condense`, which have the estimate, the standard
    errors and the sums of squares of all rows. So time beyond one pass over the rows, and memory
    beyond a block of them, depend on the number of coefficients alone.

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
    smoother = make_smoother(X, terms, names)
    condensed = condense(X, y, smoother.smoothers)
    smoother.basis = condensed[:, 1:-1]
    weights = np.full(len(condensed), len(y) / len(condensed))
    model = GLMGam(
        condensed[:, -1],
        exog=condensed[:, :1],
        smoother=smoother,
        alpha=[term.alpha for term in terms],
        freq_weights=weights,
    )
    # Where there are hardly more rows than coefficients, statistics of the summary are 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        try:
            # GLMGam's fit has weights of its own and looks at freq_weights in its results only.
            results = model.fit(weights=weights)
        except PerfectSeparationError:
            results = _exact_fit(model)
        _count_rows(results._results, len(y))
        summary = str(results.summary(yname=target))

    intercept, coefficients = results.params[0], results.params[1:]
    ends = np.cumsum([part.dim_basis for part in smoother.smoothers])[:-1]
    curves = (
        # statsmodels leaves the first basis function out, since the model has a constant.
        Curve.from_bspline(part.knots, np.append(0.0, own), part.degree)
        for part, own in zip(smoother.smoothers, np.split(coefficients, ends), strict=True)
    )
    return Fit(float(intercept), Curves(curves), summary)


def make_smoother(X: Floats, terms: Sequence[Term], names: Sequence[str]) -> Any:
    """statsmodels' ``BSplines`` with the knots of ``X``, but the basis of its extremes only.

    ``BSplines`` would evaluate the basis and two derivatives for every row.
    """
    shares = [np.linspace(0, 1, term.inner_knots + 2)[1:-1] for term in terms]
    return BSplines(
        np.stack((X.min(axis=0), X.max(axis=0))),
        df=[term.df for term in terms],
        degree=[term.degree for term in terms],
        variable_names=list(names),
        # All quantiles at once take a tenth of the time that BSplines needs for one by one.
        knot_kwds=[
            {"knots": np.percentile(column, 100 * share)}
            for column, share in zip(X.T, shares, strict=True)
        ],
    )


def condense(X: Floats, y: Floats, splines: Sequence[Any]) -> Floats:
    """A few rows with the same cross products, once each counts ``len(y) / len(result)`` times.

    Columns are the constant 1, the basis of each feature, and the target. There are at most as
    many rows as columns: the triangular factor of the full matrix's QR decomposition, rotated so
    that the constant stays constant. Orthogonal transformations keep all cross products, hence
    least squares, penalised or not, and its residual sum of squares; and unlike a matrix of cross
    products they don't square the condition number.

    Args:
        X: shape (rows, features).
        y: shape (rows,).
        splines: statsmodels' ``UnivariateBSplines``, one per feature.
    """
    width = 2 + sum(spline.dim_basis for spline in splines)
    step = max(BLOCK // width, width)
    factor: Floats = np.empty((0, width))
    for start in range(0, len(y), step):
        rows = slice(start, start + step)
        factor = _absorb(factor, X[rows], y[rows], splines)

    # The constant's column is (±√n, 0, …); the reflection makes it √(n / m) everywhere.
    root = np.sqrt(len(y) / len(factor))
    axis = factor[:, 0] - root
    factor -= np.outer(axis, axis @ factor * (2 / (axis @ axis)))
    factor /= root
    factor[:, 0] = 1.0
    return factor


def _absorb(factor: Floats, X: Floats, y: Floats, splines: Sequence[Any]) -> Floats:
    """The triangular factor of the rows that ``factor`` stands for and these."""
    block = np.empty((len(factor) + len(y), factor.shape[1]), order="F")  # as LAPACK has it
    block[: len(factor)] = factor
    design = block[len(factor) :]
    design[:, 0] = 1.0
    first = 1
    for column, spline in zip(X.T, splines, strict=True):
        basis = BSpline.design_matrix(np.ascontiguousarray(column), spline.knots, spline.degree)
        # As in statsmodels' basis, the first function is left out, since there is a constant.
        design[:, first : first + spline.dim_basis] = basis.toarray(order="F")[:, 1:]
        first += spline.dim_basis
    design[:, -1] = y
    _, triangle = qr(block, mode="raw", overwrite_a=True, check_finite=False)
    combined: Floats = triangle
    return combined


def _count_rows(results: Any, rows: int) -> None:
    """Set what statsmodels derives from the number of rows, with or without ``freq_weights``."""
    results.nobs = rows
    results.df_resid = results.model.df_resid = rows - results.df_model - 1
    results.scale = results.deviance / results.df_resid


def _exact_fit(model: Any) -> Any:
    """The results of a model whose residuals are all below 1e-8.

    ``GLMGam.fit`` takes those for a perfect separation, which is an error of a binomial model and
    none of a Gaussian one (think of a target in farads). One weighted least squares step, the one
    that ``fit`` iterates, is the whole of a Gaussian fit.
    """
    step = penalized_wls(model.endog, model.exog, model.penal.penalty_matrix(), model.weights)
    model.mu = model.exog @ step.params
    model.scale = model.estimate_scale(model.mu)
    results = GLMGamResults(model, step.params, step.normalized_cov_params, model.scale)
    results.method = "PIRLS"
    results.fit_history = {"iteration": 1}
    results.converged = True
    return GLMGamResultsWrapper(results)
