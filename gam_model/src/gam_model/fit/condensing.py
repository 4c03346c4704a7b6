"""One pass over the rows, which leaves a few rows that say all of them to least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gam_model.bases import Basis
    from gam_model.curves import Floats

BLOCK = 2 * 1024 * 1024  # values of the design matrix that are in memory at a time: 16 MB


def condense(X: Floats, bases: Sequence[Basis], respond: Callable[[slice, Floats], None]) -> Floats:
    """The triangular factor of the rows' QR decomposition, shape (width or fewer, width).

    Columns are the constant, those of each feature's basis, and the response. Orthogonal
    transformations keep all cross products, hence least squares, penalised or not, and its residual
    sum of squares; and unlike a matrix of cross products they don't square the condition number.

    Args:
        X: shape (rows, features).
        bases: one per feature.
        respond: is given a slice of rows and their part of the matrix, shape (rows of the slice,
            width); it sets the last column, and scales the rows by the root of their weights.
    """
    width = 2 + sum(basis.size for basis in bases)
    step = max(BLOCK // width, width)
    factor: Floats = np.empty((0, width))
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        factor = _absorb(factor, X[rows], bases, rows, respond)
    return factor


def _absorb(
    factor: Floats,
    X: Floats,
    bases: Sequence[Basis],
    rows: slice,
    respond: Callable[[slice, Floats], None],
) -> Floats:
    """The triangular factor of the rows that ``factor`` stands for and these."""
    block = np.empty((len(factor) + len(X), factor.shape[1]), order="F")  # as LAPACK has it
    block[: len(factor)] = factor
    design = block[len(factor) :]
    design[:, 0] = 1.0
    first = 1
    for column, basis in zip(X.T, bases, strict=True):
        design[:, first : first + basis.size] = basis.design(column)
        first += basis.size
    respond(rows, design)
    _, triangle = qr(block, mode="raw", overwrite_a=True, check_finite=False)
    combined: Floats = triangle
    return combined


def with_constant(factor: Floats, total: float) -> Floats:
    """The rows of ``factor``, turned and scaled so that the constant is 1 in each of them.

    They have the cross products of all rows once each counts ``total / len(factor)`` times.

    Args:
        factor: from :func:`condense`, of rows whose weights don't depend on the fit.
        total: the sum of the rows' weights; without weights their number.
    """
    # The constant's column is (±√total, 0, …); the reflection makes it √(total / m) everywhere.
    root = np.sqrt(total / len(factor))
    axis = factor[:, 0] - root
    rows: Floats = factor - np.outer(axis, axis @ factor * (2 / (axis @ axis)))
    rows /= root
    rows[:, 0] = 1.0
    return rows
