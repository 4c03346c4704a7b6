"""The distributions besides the normal one, each with its canonical link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from gam_model.curves import Floats

LARGEST_LOGARITHM = 700.0  # its exponential is a number still
LARGEST_ODDS = 30.0  # as a logarithm: beyond, the probability is 1 in all but the 13th digit


class Family(Protocol):
    """What iteratively reweighted least squares asks of a distribution; its scale is 1.

    Arrays have one value a row. With a canonical link the variance is the mean's derivative, too.
    """

    @property
    def name(self) -> str:
        """statsmodels' class of it."""
        ...

    def mean(self, predictor: Floats) -> Floats:
        """The mean of the target at a linear predictor."""
        ...

    def variance(self, mean: Floats) -> Floats:
        """The variance at a mean, above 0."""
        ...

    def link(self, mean: Floats) -> Floats:
        """The linear predictor of a mean."""
        ...

    def start(self, y: Floats, average: float) -> Floats:
        """Means to start from, near the target ``y`` and its average."""
        ...

    def deviance(self, y: Floats, mean: Floats) -> Floats:
        """Each row's share of the deviance."""
        ...

    def saturated(self, y: Floats) -> Floats:
        """Each row's log-likelihood at a mean that is its target."""
        ...


class Poisson:
    """Counts: numbers of 0 or more, whose variance is their mean."""

    name = "Poisson"

    def mean(self, predictor: Floats) -> Floats:
        mean: Floats = np.exp(np.clip(predictor, -LARGEST_LOGARITHM, LARGEST_LOGARITHM))
        return mean

    def variance(self, mean: Floats) -> Floats:
        return mean

    def link(self, mean: Floats) -> Floats:
        predictor: Floats = np.log(mean)
        return predictor

    def start(self, y: Floats, average: float) -> Floats:
        return (y + average) / 2

    def deviance(self, y: Floats, mean: Floats) -> Floats:
        ratio = np.divide(y, mean, out=np.ones_like(mean), where=y > 0)
        shares: Floats = 2 * (y * np.log(ratio) - (y - mean))
        return shares

    def saturated(self, y: Floats) -> Floats:
        from scipy.special import gammaln, xlogy

        likelihoods: Floats = xlogy(y, y) - y - gammaln(y + 1)
        return likelihoods


class Binomial:
    """One of two classes: 0 or 1, whose mean is the probability of 1."""

    name = "Binomial"

    def mean(self, predictor: Floats) -> Floats:
        mean: Floats = 1 / (1 + np.exp(-np.clip(predictor, -LARGEST_ODDS, LARGEST_ODDS)))
        return mean

    def variance(self, mean: Floats) -> Floats:
        return mean * (1 - mean)

    def link(self, mean: Floats) -> Floats:
        predictor: Floats = np.log(mean / (1 - mean))
        return predictor

    def start(self, y: Floats, average: float) -> Floats:  # noqa: ARG002 - the protocol's
        return (y + 0.5) / 2

    def deviance(self, y: Floats, mean: Floats) -> Floats:
        likely = np.where(y > 0.5, mean, 1 - mean)
        shares: Floats = -2 * np.log(likely)
        return shares

    def saturated(self, y: Floats) -> Floats:
        return np.zeros(len(y))
