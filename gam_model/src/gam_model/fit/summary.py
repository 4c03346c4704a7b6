"""statsmodels' summary of a fit that was solved here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from statsmodels.gam.api import GLMGam
from statsmodels.gam.generalized_additive_model import GLMGamResults
from statsmodels.gam.smooth_basis import GenericSmoothers, UnivariateGenericSmoother
from statsmodels.genmod import families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.bases import Basis
    from gam_model.curves import Floats
    from gam_model.families import Family


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What condensed rows don't say of a fit that is not Gaussian.

    Attributes:
        family: the distribution.
        deviance: of the fit.
        null: the deviance of a constant.
        saturated: the log-likelihood of a model without a deviance.
        pearson: the sum of squared residuals over the variance.
    """

    family: Family
    deviance: float
    null: float
    saturated: float
    pearson: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A fit, as statsmodels takes it.

    Attributes:
        rows: the constant's column, those of all features and the target, shape (m, columns + 1),
            from :func:`~gam_model.fit.condensing.with_constant`.
        weights: of the columns, shape (columns,).
        root: ``root @ root.T`` is the weights' covariance without the scale.
        total: how many rows there were, or the sum of their weights.
        working: the sum of the weights that the rows had in the fit, where that is another.
        figures: of a fit that is not Gaussian.
        steps: least squares solved, one after the other.
    """

    rows: Floats
    weights: Floats
    root: Floats
    total: float
    working: float | None = None
    figures: Figures | None = None
    steps: int = 1


class Results(GLMGamResults):  # type: ignore[misc]
    """statsmodels' results of a Gaussian model, or with the figures of another."""

    figures: Figures | None = None

    @property
    def deviance(self) -> float:
        found = self.figures.deviance if self.figures else GLMGamResults.deviance.fget(self)
        return float(found)

    @property
    def pearson_chi2(self) -> float:
        found = self.figures.pearson if self.figures else GLMGamResults.pearson_chi2.fget(self)
        return float(found)

    @property
    def llf(self) -> float:
        if self.figures:
            return self.figures.saturated - self.figures.deviance / 2
        return float(GLMGamResults.llf.fget(self))

    def pseudo_rsquared(self, kind: str = "cs") -> float:
        if self.figures and kind == "cs":
            return float(1 - np.exp((self.figures.deviance - self.figures.null) / self.nobs))
        return float(super().pseudo_rsquared(kind))


def summarize(estimate: Estimate, bases: Sequence[Basis], names: Sequence[str], target: str) -> str:
    """The table of ``GLMGam``'s results, as text."""
    # Where there are hardly more rows than coefficients, statistics of the summary are 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        model = make_model(estimate, bases, names)
        model.mu = model.exog @ estimate.weights
        model.scaletype = None
        model.scale = model.estimate_scale(model.mu)
        covariance = estimate.root @ estimate.root.T
        results = Results(model, estimate.weights, covariance, model.scale)
        results.method = "PIRLS"
        results.fit_history = {"iteration": estimate.steps}
        results.converged = True
        # What statsmodels derives from the number of rows, with or without ``freq_weights``.
        results.nobs = estimate.total
        results.df_resid = model.df_resid = estimate.total - results.df_model - 1
        if estimate.figures:
            results.figures = estimate.figures
            results.family = getattr(families, estimate.figures.family.name)()
            results.scale = 1.0
        else:
            results.scale = results.deviance / results.df_resid
        return str(results.summary(yname=target))


def make_model(estimate: Estimate, bases: Sequence[Basis], names: Sequence[str]) -> Any:
    """A ``GLMGam`` of the condensed rows, to which every feature's columns are a smoother."""
    smoothers, labels, first = [], [], 1
    for basis, name in zip(bases, names, strict=True):
        part = estimate.rows[:, first : first + basis.size]
        first += basis.size
        none = np.zeros((basis.size, basis.size))
        smoothers.append(UnivariateGenericSmoother(part[:, 0], part, None, None, none, name))
        labels += [name + label for label in basis.labels]
    smoother = GenericSmoothers(estimate.rows[:, : len(smoothers)], smoothers)
    smoother.col_names = labels
    return GLMGam(
        estimate.rows[:, -1],
        exog=estimate.rows[:, :1],
        smoother=smoother,
        alpha=[0.0] * len(smoothers),
        freq_weights=np.full(
            len(estimate.rows), (estimate.working or estimate.total) / len(estimate.rows)
        ),
    )
