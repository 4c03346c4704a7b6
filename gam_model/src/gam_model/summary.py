"""statsmodels' summary of a fit that was solved here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from statsmodels.gam.api import GLMGam
from statsmodels.gam.generalized_additive_model import GLMGamResults
from statsmodels.gam.smooth_basis import GenericSmoothers, UnivariateGenericSmoother

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.bases import Basis
    from gam_model.curves import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A fit, as statsmodels takes it.

    Attributes:
        rows: the constant's column, those of all features and the target, shape (m, columns + 1),
            from :func:`~gam_model.condensing.with_constant`.
        weights: of the columns, shape (columns,).
        root: ``root @ root.T`` is the weights' covariance without the scale.
        total: how many rows there were, or the sum of their weights.
    """

    rows: Floats
    weights: Floats
    root: Floats
    total: float


def summarize(estimate: Estimate, bases: Sequence[Basis], names: Sequence[str], target: str) -> str:
    """The table of ``GLMGam``'s results, as text."""
    # Where there are hardly more rows than coefficients, statistics of the summary are 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        model = make_model(estimate, bases, names)
        model.mu = model.exog @ estimate.weights
        model.scaletype = None
        model.scale = model.estimate_scale(model.mu)
        covariance = estimate.root @ estimate.root.T
        results = GLMGamResults(model, estimate.weights, covariance, model.scale)
        results.method = "PIRLS"
        results.fit_history = {"iteration": 1}
        results.converged = True
        _count_rows(results, estimate.total)
        return str(results.summary(yname=target))


def make_model(estimate: Estimate, bases: Sequence[Basis], names: Sequence[str]) -> Any:
    """A ``GLMGam`` of the condensed rows."""
    columns, smoothers, first = [], [], 1
    for basis, name in zip(bases, names, strict=True):
        part = estimate.rows[:, first : first + basis.size]
        first += basis.size
        smoothers.append(
            UnivariateGenericSmoother(
                part[:, 0], part, None, None, np.zeros((basis.size, basis.size)), name
            )
        )
        columns += [name + label for label in basis.labels]
    smoother = GenericSmoothers(estimate.rows[:, : len(smoothers)], smoothers)
    return GLMGam(
        estimate.rows[:, -1],
        exog=estimate.rows[:, :1],
        smoother=smoother,
        alpha=[0.0] * len(smoothers),
        freq_weights=np.full(len(estimate.rows), estimate.total / len(estimate.rows)),
    )


def _count_rows(results: Any, rows: float) -> None:
    """Set what statsmodels derives from the number of rows, with or without ``freq_weights``."""
    results.nobs = rows
    results.df_resid = results.model.df_resid = rows - results.df_model - 1
    results.scale = results.deviance / results.df_resid
