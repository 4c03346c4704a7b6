"""The image's own modules, with a real model behind them."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

CONTAINER = Path(__file__).parents[3] / "container"
sys.path.insert(0, str(CONTAINER))

from werkzeug.test import Client  # noqa: E402

from gam_model import GAMRegressor  # noqa: E402
from serving.app import App  # noqa: E402
from serving.hooks import Hooks  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@pytest.fixture(scope="session")
def model() -> GAMRegressor:
    """A GAM of one feature from 0 to 10."""
    x = np.linspace(0, 10, 60)
    return GAMRegressor(df=8).fit(x[:, None], np.sin(x) + x)


@pytest.fixture(scope="session")
def wide_model() -> GAMRegressor:
    """A GAM of two features."""
    x = np.random.RandomState(0).uniform(0, 10, (80, 2))
    return GAMRegressor(df=6).fit(x, np.sin(x[:, 0]) + x[:, 1])


@pytest.fixture(scope="session")
def hooks() -> Hooks:
    """The hooks of a file that has model_fn only: defaults for everything else."""
    return Hooks(model_fn=lambda model_dir: None)


@pytest.fixture
def client(model: GAMRegressor, hooks: Hooks) -> Client:
    return Client(App(model, hooks))


@pytest.fixture
def wide(wide_model: GAMRegressor, hooks: Hooks) -> Client:
    return Client(App(wide_model, hooks))


@pytest.fixture(scope="session")
def npy() -> "Callable[[NDArray], bytes]":
    def write(array: "NDArray") -> bytes:
        file = io.BytesIO()
        np.save(file, array)
        return file.getvalue()

    return write
