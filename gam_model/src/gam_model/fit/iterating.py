"""Iteratively reweighted least squares: each step one pass over the rows and a small system."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gam_model.fit.condensing import condense

if TYPE_CHECKING:
    from collections.abc import Callable

    from gam_model.curves import Floats
    from gam_model.families import Family
    from gam_model.fit.coefficients import Coefficients
    from gam_model.fit.solving import Solution, System

MOST_STEPS = 100
MOST_HALVINGS = 25
TOLERANCE = 1e-9  # of the penalised deviance, relative to it
LEAST_WEIGHT = 1e-30  # of a row: it has no say, and what is divided by it is a number


@dataclass(slots=True, eq=False)
class Pass:
    """One pass over the rows at a linear predictor.

    Attributes:
        factor: the condensed rows of the next least squares, weights and response in them.
        deviance: at the predictor.
        pearson: the sum of squared residuals over the variance there.
        means: of the columns, shape (columns,), without the distribution's weights.
    """

    factor: Floats = field(default_factory=lambda: np.empty((0, 0)))
    deviance: float = 0.0
    pearson: float = 0.0
    means: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Iterated:
    """Where the steps ended."""

    passed: Pass
    solution: Solution
    weights: Floats
    steps: int


class Rows:
    """The rows of a model that is not Gaussian."""

    def __init__(
        self,
        X: Floats,
        y: Floats,
        weights: Floats | None,
        coefficients: Coefficients,
        family: Family,
    ) -> None:
        self.X, self.y, self.weights = X, y, weights
        self.coefficients, self.family = coefficients, family
        self.total = len(y) if weights is None else float(weights.sum())
        self.average = float(np.average(y, weights=weights))

    def pass_over(self, theta: Floats | None) -> Pass:
        """One pass at coefficients; ``None`` starts from the target."""
        columns = None if theta is None else self.coefficients.columns(theta)
        passed = Pass()
        passed.means = np.zeros(1 + sum(basis.size for basis in self.coefficients.bases))
        family = self.family

        def respond(rows: slice, design: Floats) -> None:
            y = self.y[rows]
            counts = np.ones(len(y)) if self.weights is None else self.weights[rows]
            if columns is None:
                predictor = family.link(family.start(y, self.average))
            else:
                predictor = design[:, :-1] @ columns
            mean = family.mean(predictor)
            variance = np.maximum(family.variance(mean), LEAST_WEIGHT)
            passed.deviance += float(counts @ family.deviance(y, mean))
            passed.pearson += float(counts @ ((y - mean) ** 2 / variance))
            passed.means += counts @ design[:, :-1] / self.total
            design[:, -1] = predictor + (y - mean) / variance
            design *= np.sqrt(counts * variance)[:, None]

        passed.factor = condense(self.X, self.coefficients.bases, respond)
        return passed

    def null_deviance(self) -> float:
        """The deviance of a model that is a constant."""
        return self._sum(self.family.deviance(self.y, np.full(len(self.y), self.average)))

    def saturated(self) -> float:
        """The log-likelihood of a model that has every row's target as its mean."""
        return self._sum(self.family.saturated(self.y))

    def _sum(self, shares: Floats) -> float:
        return float(shares.sum() if self.weights is None else self.weights @ shares)

    def iterate(self, select: Callable[[System], Floats]) -> Iterated:
        """Step until the penalised deviance stays.

        Where penalties are selected, each step selects them for its own weights of the rows, as
        mgcv's ``bam`` does.
        """
        passed = self.pass_over(None)
        system = self.coefficients.system(passed.factor)
        weights = select(system)
        solution = system.solve(weights)
        theta, before = None, np.inf
        for step in range(1, MOST_STEPS + 1):
            passed, solution = self._take(theta, solution, before)
            theta = solution.theta
            reached = passed.deviance + penalty(solution)
            system = self.coefficients.system(passed.factor)
            weights = select(system)
            solution = system.solve(weights)
            moved = abs(before - reached)
            if moved <= TOLERANCE * (abs(reached) + 0.1):
                return Iterated(passed, solution, weights, step)
            # What the next step may not exceed, for the penalties that it was made with.
            before = passed.deviance + penalty(system.at(theta, weights))
        from sklearn.exceptions import ConvergenceWarning

        warnings.warn(
            f"The fit did not converge in {MOST_STEPS} steps: the deviance still moves by "
            f"{moved:.3g}. Counts that are 0 throughout a part of a feature's range have no finite "
            "estimate there; fewer features, or a smaller df, leave less to estimate.",
            ConvergenceWarning,
            stacklevel=6,
        )
        return Iterated(passed, solution, weights, MOST_STEPS)

    def _take(
        self, theta: Floats | None, solution: Solution, before: float
    ) -> tuple[Pass, Solution]:
        """Go to the solution, or half as far, and so on, until the penalised deviance is less."""
        passed = self.pass_over(solution.theta)
        for _ in range(MOST_HALVINGS):
            reached = passed.deviance + penalty(solution)
            if theta is None or reached <= before * (1 + 1e-9) + 1e-9:
                break
            halfway = (theta + solution.theta) / 2
            solution = solution.system.at(halfway, solution.weights)
            passed = self.pass_over(halfway)
        return passed, solution


def penalty(solution: Solution) -> float:
    """What the penalties add to the deviance."""
    return float(sum(bent @ bent for bent in solution.bent))
