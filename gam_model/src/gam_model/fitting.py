"""The fit itself: statsmodels' ``GLMGam`` on ``BSplines``, reduced to what prediction needs.

Importing this module imports statsmodels, which takes about a second: only ``fit`` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from statsmodels.gam.api import BSplines, GLMGam
from statsmodels.gam.generalized_additive_model import (
    GLMGamResults,
    GLMGamResultsWrapper,
    penalized_wls,
)
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from gam_model.curves import Curve, Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.parameters import Term


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model without its training rows: ``intercept + sum of curves``."""

    intercept: float
    curves: tuple[Curve, ...]
    summary: str


def fit_gam(X: Floats, y: Floats, terms: Sequence[Term], names: Sequence[str], target: str) -> Fit:
    """Fit a Gaussian GAM with a constant and one penalised B-spline per column of ``X``.

    Args:
        X: shape (rows, features), finite.
        y: shape (rows,), finite.
        terms: one per feature, already checked against ``X``.
        names: the features' names, for the summary.
        target: the name of ``y``, for the summary.
    """
    smoother = BSplines(
        X,
        df=[term.df for term in terms],
        degree=[term.degree for term in terms],
        variable_names=list(names),
    )
    model = GLMGam(
        y,
        exog=np.ones((len(y), 1)),
        smoother=smoother,
        alpha=[term.alpha for term in terms],
    )
    # Where there are hardly more rows than coefficients, statistics of the summary are 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        try:
            results = model.fit()
        except PerfectSeparationError:
            results = _exact_fit(model)
        summary = str(results.summary(yname=target))

    intercept, weights = results.params[0], results.params[1:]
    ends = np.cumsum([part.dim_basis for part in smoother.smoothers])[:-1]
    curves = tuple(
        # statsmodels leaves the first basis function out, since the model has a constant.
        Curve.from_bspline(part.knots, np.append(0.0, own), part.degree)
        for part, own in zip(smoother.smoothers, np.split(weights, ends), strict=True)
    )
    return Fit(float(intercept), curves, summary)


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
