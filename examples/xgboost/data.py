"""Friedman's first problem: ten columns between 0 and 1, of which five make the target.

J. H. Friedman, Multivariate Adaptive Regression Splines, 1991. The noise has a standard deviation
of 1, so no model can be expected to have an RMSE below 1 on rows that it hasn't seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np


def friedman(count: int, seed: int) -> np.ndarray:
    """Rows of the target and the ten columns; the same for the same seed."""
    chance = np.random.default_rng(seed)
    x = chance.uniform(size=(count, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3]
    y += 5 * x[:, 4] + chance.normal(size=count)
    return np.column_stack([y, x]).round(4)


def train(folder: Path) -> None:
    np.savetxt(folder / "train.csv", friedman(1000, seed=1), delimiter=",", fmt="%g")


def validation(folder: Path) -> None:
    np.savetxt(folder / "validation.csv", friedman(300, seed=2), delimiter=",", fmt="%g")


def test() -> tuple[np.ndarray, np.ndarray]:
    """What the endpoint is asked, and the truth."""
    rows = friedman(300, seed=3)
    return rows[:, 1:], rows[:, 0]
