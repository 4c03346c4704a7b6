"""Data of a known shape, and what has to be set around all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Before scipy's import, or scikit-learn skips a check.
os.environ["SCIPY_ARRAY_API"] = "1"

# pytest's import mode "importlib" names these modules gam_model.tests.… when it runs from the
# repository's root, and puts the folder of that name in the package's place.
if getattr(sys.modules.get("gam_model"), "__file__", None) is None:
    sys.modules.pop("gam_model", None)


class Data(NamedTuple):
    X: NDArray[np.float64]
    y: NDArray[np.float64]


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """On a busy machine, the threads of a small fit spend their time waiting for each other."""
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture(scope="session")
def bumps() -> Data:
    """One feature: two overlapping peaks on a decaying baseline, with noise."""
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(1, 250, 200))
    peaks = 100 * np.exp(-(((x - 112) / 23) ** 2)) + 74 * np.exp(-(((x - 148) / 20) ** 2))
    return Data(x[:, None], 99 * np.exp(-0.011 * x) + peaks + rng.normal(0, 2.5, len(x)))


@pytest.fixture(scope="session")
def additive() -> Data:
    """Three features, of which the last has a straight line as its curve."""
    rng = np.random.default_rng(2)
    X = rng.uniform([-3, 0, 100], [3, 1, 200], (300, 3))
    y = 4 * np.sin(X[:, 0]) + 8 * (X[:, 1] - 0.4) ** 2 + 0.05 * X[:, 2] + rng.normal(0, 0.2, 300)
    return Data(X, y)


@pytest.fixture(scope="session")
def cars() -> Data:
    """Fuel (0 diesel, 1 gas), drive (0 to 2), weight, power and miles per gallon of 203 cars.

    The data that statsmodels' tests have mgcv's results of.
    """
    from statsmodels.gam.tests import results

    table = pd.read_csv(Path(results.__file__).parent / "autos.csv")
    table = table[["fuel", "drive", "weight", "hp", "city_mpg"]].dropna()
    for name in ("fuel", "drive"):
        table[name] = table[name].astype("category").cat.codes
    values = table.to_numpy(float)
    return Data(values[:, :-1], values[:, -1])
