"""Standard errors of a fitted model's predictions, from a covariance that holds no training row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gam_model.bases import Basis
    from gam_model.curves import Floats

BLOCK = 256 * 1024  # values of the design matrix that are in memory at a time: 2 MB


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """The covariance of the columns' weights, and what their columns are.

    It is the Bayesian one of a penalised fit, as in statsmodels' and mgcv's results.

    Attributes:
        bases: one per feature.
        packed: the upper triangle, row by row, of a matrix of which ``R.T @ R`` is the covariance;
            the first row and column are the constant's.
        means: of the columns over the training rows, shape (columns,); the constant's is 1.
    """

    bases: Sequence[Basis]
    packed: Floats
    means: Floats

    @classmethod
    def from_root(cls, bases: Sequence[Basis], root: Floats, means: Floats) -> Uncertainty:
        """For ``root @ root.T`` as the covariance, shape (columns, rank)."""
        triangle = np.zeros((len(root), len(root)))
        factor = np.linalg.qr(root.T, mode="r")
        triangle[: len(factor)] = factor
        return cls(tuple(bases), triangle[np.triu_indices(len(root))], means)

    def triangle(self) -> Floats:
        width = len(self.means)
        whole = np.zeros((width, width))
        whole[np.triu_indices(width)] = self.packed
        return whole

    def of_rows(self, rows: Floats) -> Floats:
        """The standard error of the linear predictor at rows, shape (n, features); returns (n,)."""
        triangle = self.triangle()
        errors = np.empty(len(rows))
        step = max(1, BLOCK // len(self.means))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            columns = [np.ones((len(part), 1))]
            columns += [extend(b, x) for b, x in zip(self.bases, part.T, strict=True)]
            errors[start : start + step] = np.linalg.norm(triangle @ np.hstack(columns).T, axis=0)
        return errors

    def of_feature(self, feature: int, values: Floats) -> Floats:
        """That of the training rows' mean predictor with one feature at values, shape (n,)."""
        first = 1 + sum(basis.size for basis in self.bases[:feature])
        columns = np.tile(self.means, (len(values), 1))
        basis = self.bases[feature]
        columns[:, first : first + basis.size] = extend(basis, values)
        errors: Floats = np.linalg.norm(self.triangle() @ columns.T, axis=0)
        return errors


def extend(basis: Basis, column: Floats) -> Floats:
    """A basis' columns at any values: beyond the training's range they go on as straight lines."""
    inside = np.clip(column, basis.lower, basis.upper)
    columns = np.array(basis.design(inside))
    outside = np.flatnonzero(inside != column)
    if len(outside):
        slopes = basis.slopes(inside[outside])
        columns[outside] += (column - inside)[outside, None] * slopes
    return columns
