"""Gauss3: 250 rows of two blended Gaussians on a decaying baseline, with certified answers.

One of the Statistical Reference Datasets for nonlinear regression of NIST, the National Institute
of Standards and Technology (B. Rust, 1996), whose work is in the public domain. The rows are in
`gauss3.csv`, without header, one `x,y` a line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# b1 to b8 of `certified_model`, and the sum of squares of its residuals over all rows.
CERTIFIED_PARAMETERS = (
    9.8940368970e01,
    1.0945879335e-02,
    1.0069553078e02,
    1.1163619459e02,
    2.3300500029e01,
    7.3705031418e01,
    1.4776164251e02,
    1.9668221230e01,
)
CERTIFIED_RESIDUAL_SUM_OF_SQUARES = 1.2444846360e03


class Split(NamedTuple):
    """Rows to learn from and rows held out: features of shape (n, 1), targets of shape (n,)."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def gauss3() -> tuple[Array, Array]:
    """The feature, of shape (250, 1), and the target, of shape (250,), in NIST's order."""
    rows = np.loadtxt(Path(__file__).parent / "gauss3.csv", delimiter=",")
    return rows[:, :1], rows[:, 1]


def certified_model(x: Array) -> Array:
    """What NIST's certified parameters predict for features of shape (n, 1); shape (n,).

    It is the least-squares fit of the formula that made the data, so no model can be expected to
    do better on rows it hasn't seen.
    """
    b1, b2, b3, b4, b5, b6, b7, b8 = CERTIFIED_PARAMETERS
    x = x[:, 0]
    baseline = b1 * np.exp(-b2 * x)
    peaks = b3 * np.exp(-(((x - b4) / b5) ** 2)) + b6 * np.exp(-(((x - b7) / b8) ** 2))
    return baseline + peaks


def split(test_size: float = 0.25, seed: int = 42) -> Split:
    """Gauss3, split as scikit-learn's `train_test_split` does with `RandomState(seed)`.

    It is done here since importing scikit-learn takes a second.

    Args:
        test_size: the share of the rows that is held out, above 0 and below 1.
        seed: of the permutation that chooses them.
    """
    x, y = gauss3()
    test_rows = int(np.ceil(test_size * len(y)))
    order = np.random.RandomState(seed).permutation(len(y))
    test, train = order[:test_rows], order[test_rows:]
    return Split(x[train], y[train], x[test], y[test])


# What harness.toml names: the channels' files, and what the endpoint is asked.


def train_channel(folder: Path) -> None:
    """The rows to learn from, as the container takes them."""
    data = split()
    (folder / "train.csv").write_bytes(csv(data.x_train, data.y_train))


def test_channel(folder: Path) -> None:
    """The rows held out."""
    data = split()
    (folder / "test.csv").write_bytes(csv(data.x_test, data.y_test))


def train_rows() -> tuple[Array, Array]:
    """The rows to learn from, and their truth."""
    data = split()
    return data.x_train, data.y_train


def test_rows() -> tuple[Array, Array]:
    """The rows held out, and their truth."""
    data = split()
    return data.x_test, data.y_test


def csv(x: Array, y: Array) -> bytes:
    """Rows of numbers, the target last, each number with all its digits; no header."""
    rows = (
        ",".join(map(repr, (*features, target)))
        for features, target in zip(x.tolist(), y.tolist(), strict=True)
    )
    return ("\n".join(rows) + "\n").encode()
