"""Penalised least squares on condensed rows, accurate for penalties of any size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr, qr_multiply, solve_triangular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.curves import Floats

EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class System:
    """What is to be solved: minimise ``|y - X @ theta|² + sum of (weight * |root @ theta|)²``.

    Attributes:
        X: condensed rows, shape (m, coefficients).
        y: their response, shape (m,).
        roots: a square root of each penalty with the first of the coefficients it is about.
    """

    X: Floats
    y: Floats
    roots: Sequence[tuple[int, Floats]]

    def solve(self, weights: Sequence[float] | Floats) -> Solution:
        """The solution for a weight of each penalty, given as the square root of its factor.

        Each column is scaled to length 1, so that neither the unit of a feature nor a penalty much
        larger than the data takes the rest's digits. Of solutions that are equally good, as where a
        curve has no rows, it is the shortest.
        """
        X, y = self.X, self.y
        rows, width = len(X) + sum(len(root) for _, root in self.roots), X.shape[1]
        A = np.zeros((max(rows, width), width))
        A[: len(X)] = X
        start = len(X)
        for weight, (first, root) in zip(weights, self.roots, strict=True):
            A[start : start + len(root), first : first + root.shape[1]] = weight * root
            start += len(root)
        norms = np.sqrt((A * A).sum(axis=0))
        norms[norms == 0] = 1.0
        A /= norms
        response = np.zeros(len(A))
        response[: len(y)] = y

        order = np.argsort(-np.abs(A).max(axis=1), kind="stable")
        turned, triangle, pivots = qr_multiply(
            A[order], response[order], mode="right", pivoting=True, overwrite_a=True
        )
        diagonal = np.abs(np.diag(triangle))
        rank = int((diagonal > len(A) * EPSILON * diagonal[0]).sum())
        top, turned = triangle[:rank], turned[:rank]
        if rank == width:
            inverse = solve_triangular(top, np.eye(width), check_finite=False)
            theta = solve_triangular(top, turned, check_finite=False)
        else:
            basis, upper = qr(top.T, mode="economic", check_finite=False)
            inverse = basis @ solve_triangular(upper.T, np.eye(rank), lower=True)
            theta = inverse @ turned
        unscaled, root_of_inverse = np.empty(width), np.empty((width, rank))
        unscaled[pivots], root_of_inverse[pivots] = theta, inverse
        return Solution(
            self,
            np.asarray(weights, dtype=float),
            unscaled / norms,
            root_of_inverse / norms[:, None],
            2 * float(np.log(diagonal[:rank]).sum() + np.log(norms).sum()),
        )

    def at(self, theta: Floats, weights: Floats) -> Solution:
        """Other coefficients than the solution's, for what they and the penalties' weights make."""
        return Solution(self, weights, theta, np.empty((len(theta), 0)), 0.0)


@dataclass(frozen=True, eq=False)
class Solution:
    """A :class:`System`'s solution, with what criteria and standard errors take from it.

    Attributes:
        weights: those of the penalties, as given.
        theta: shape (coefficients,).
        root: ``root @ root.T`` is the inverse of ``X.T @ X + penalties``, shape
            (coefficients, rank).
        log_determinant: of ``X.T @ X + penalties``.
    """

    system: System
    weights: Floats
    theta: Floats
    root: Floats
    log_determinant: float

    @cached_property
    def residual(self) -> Floats:
        """Residuals of the condensed rows, shape (m,)."""
        left: Floats = self.system.y - self.system.X @ self.theta
        return left

    @cached_property
    def sum_of_squares(self) -> float:
        """Of the residuals of all rows."""
        return float(self.residual @ self.residual)

    @cached_property
    def edf(self) -> Floats:
        """Effective degrees of freedom of each coefficient, shape (coefficients,)."""
        X = self.system.X
        shares: Floats = ((X.T @ (X @ self.root)) * self.root).sum(axis=1)
        return shares

    @cached_property
    def bent(self) -> list[Floats]:
        """``weight * root @ theta`` of each penalty: its squared length is the penalty."""
        return [
            weight * (root @ self.theta[first : first + root.shape[1]])
            for weight, (first, root) in zip(self.weights, self.system.roots, strict=True)
        ]

    @cached_property
    def bends(self) -> list[Floats]:
        """``weight * root @ root of the inverse`` of each penalty, shape (its rank, rank)."""
        return [
            weight * (root @ self.root[first : first + root.shape[1]])
            for weight, (first, root) in zip(self.weights, self.system.roots, strict=True)
        ]
