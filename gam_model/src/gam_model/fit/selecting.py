"""The penalties' weights that the data ask for: by GCV, UBRE or REML, without a further pass.

The condensed rows' cross products don't depend on the weights, so each step solves the small
system anew. Criteria are those of R's mgcv (Wood, Generalized Additive Models, 2017, sections 6.2
and 6.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from gam_model.curves import Floats
    from gam_model.fit.solving import Solution, System

Method: TypeAlias = Literal["gcv", "reml"]

REACH = 30.0  # either way from where a penalty weighs as much as the data: a factor of e³⁰
STARTS = np.linspace(-18.0, 18.0, 13)  # of all penalties together, before each goes its own way
SWEEPS = 3  # over all penalties


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is minimised over the logarithms of the penalties' weights.

    Attributes:
        method: ``"gcv"`` or ``"reml"``; with ``None`` there is nothing to select.
        total: how many rows there are, or the sum of their weights.
        scale_is_known: it is 1, as a Poisson or binomial model's; then ``"gcv"`` is UBRE.
    """

    method: Method | None
    total: float
    scale_is_known: bool = False

    def __call__(self, solution: Solution) -> tuple[float, Floats]:
        """The criterion at a solution, and its gradient, shape (penalties,)."""
        if self.method == "reml":
            return self._reml(solution)
        return self._gcv(solution)

    def _reml(self, solution: Solution) -> tuple[float, Floats]:
        """-log of the restricted likelihood, up to a constant; without a scale, at its estimate."""
        roots = solution.system.roots
        ranks = np.array([len(root) for _, root in roots], dtype=float)
        penalties = np.array([bent @ bent for bent in solution.bent])
        shares = np.array([(bend * bend).sum() for bend in solution.bends])
        logarithms = 2 * np.log(solution.weights)
        determinants = (solution.log_determinant - ranks @ logarithms) / 2
        fit = max(solution.sum_of_squares + float(penalties.sum()), _rounding(solution.system))
        if self.scale_is_known:
            return fit / 2 + determinants, (penalties + shares - ranks) / 2
        free = max(self.total - (len(solution.theta) - ranks.sum()), 1.0)
        value = free / 2 * np.log(fit) + determinants
        return float(value), (free / fit * penalties + shares - ranks) / 2

    def _gcv(self, solution: Solution) -> tuple[float, Floats]:
        """Generalized cross-validation: ``log(n * RSS / (n - edf)²)``, or ``(RSS + 2 edf) / n``."""
        system, root = solution.system, solution.root
        design = system.X @ root
        inner = design.T @ design
        edf = float(np.trace(inner))
        # Each penalty's gradient at the solution, in the coordinates of the inverse's root.
        pulls = np.array(
            [bend.T @ bent for bend, bent in zip(solution.bends, solution.bent, strict=True)]
        )
        slopes = 2 * (pulls @ pulls.sum(axis=0))
        losses = -np.array([((bend @ inner) * bend).sum() for bend in solution.bends])
        squares = solution.sum_of_squares
        if self.scale_is_known:
            return (squares + 2 * edf) / self.total, (slopes + 2 * losses) / self.total
        squares = max(squares, _rounding(system))
        left = max(self.total - edf, 1e-9 * self.total)
        value = np.log(self.total * squares) - 2 * np.log(left)
        return float(value), slopes / squares + 2 * losses / left


def select_weights(system: System, criterion: Criterion) -> Floats:
    """The square root of each penalty's weight at the criterion's minimum, shape (penalties,)."""
    if not system.roots:
        return np.zeros(0)
    middle = np.array([_balance(system, first, root) for first, root in system.roots])

    def value_at(logarithms: Floats) -> tuple[float, Floats]:
        return criterion(system.solve(np.exp(logarithms / 2)))

    def minimum(start: Floats) -> tuple[float, Floats]:
        found = minimize(
            value_at,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack((middle - REACH, middle + REACH)),
            options={"ftol": 1e-14, "gtol": 1e-7, "maxiter": 200},
        )
        return float(found.fun), found.x

    start = min((middle + shift for shift in STARTS), key=lambda each: value_at(each)[0])
    lowest, logarithms = minimum(start)
    if criterion.method == "gcv" and len(middle) > 1:
        # It has several minima, of which the lowest is seldom the nearest: look along each axis.
        for around in (start, logarithms):
            swept = _sweep(around, middle, lambda each: value_at(each)[0])
            value, found = minimum(swept)
            if value < lowest:
                lowest, logarithms = value, found
    weights: Floats = np.exp(logarithms / 2)
    return weights


def _sweep(start: Floats, middle: Floats, value_at: Callable[[Floats], float]) -> Floats:
    """The best of each penalty's starts in turn, the others as they are, until none is better."""
    best, lowest = start, value_at(start)
    for _ in range(SWEEPS):
        before = lowest
        for index in range(len(middle)):
            for shift in STARTS:
                trial = np.where(np.arange(len(middle)) == index, middle + shift, best)
                value = value_at(trial)
                if value < lowest:
                    best, lowest = trial, value
        if lowest == before:
            break
    return best


def _rounding(system: System) -> float:
    """The sum of squares below which there are rounding errors alone."""
    squares = float(system.y @ system.y)
    return (np.finfo(float).eps * np.sqrt(squares)) ** 2 if squares > 0 else 1.0


def _balance(system: System, first: int, root: Floats) -> float:
    """The logarithm of the weight at which a penalty is as large as the data's cross products."""
    columns = system.X[:, first : first + root.shape[1]]
    bent = np.abs(root).sum(axis=0) > 0
    data, penalty = float((columns[:, bent] ** 2).sum()), float((root**2).sum())
    return float(np.log(data / penalty)) if data > 0 and penalty > 0 else 0.0
