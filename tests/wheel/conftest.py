"""The wheel in environments of its own, out of reach of any checkout.

HARNESS_WHEEL names one that is there already, as the release has it; else one is built.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
INSTALL_SECONDS = 600
COMMAND_SECONDS = 600


class Ran(NamedTuple):
    """How a command has ended, and what it printed."""

    status: int
    out: str
    err: str


class Installed:
    """An environment with the wheel, some of its extras or none, and `more` packages."""

    def __init__(self, folder: Path, wheel: Path, extras: str, home: Path, *more: str) -> None:
        self.folder = folder
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "PYTHON", "AWS_", "HARNESS_", "VIRTUAL_ENV", "TOX_"))
        }
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
        self.environ = {
            **kept,
            "HOME": str(home),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": cache,  # wheels of images, which take minutes
            "XDG_STATE_HOME": str(home / "state"),
        }
        _check("uv", "venv", "--quiet", "--python", sys.executable, str(folder))
        name = f"{wheel}[{extras}]" if extras else str(wheel)
        _check("uv", "pip", "install", "--quiet", "--python", str(folder), name, *more)

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python3.*/site-packages")
        return found

    def run(self, *command: str, cwd: Path, **environ: str) -> Ran:
        """Run one of its programs in a folder."""
        program = str(self.folder / "bin" / command[0])
        ran = subprocess.run(
            [program, *command[1:]], cwd=cwd, env=self.environ | environ,
            capture_output=True, text=True, timeout=COMMAND_SECONDS,
        )  # fmt: skip
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def _check(*command: str) -> None:
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, which is all that users get."""
    if given := os.environ.get("HARNESS_WHEEL"):
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("dist")
    _check("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def make(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Installed]:
    """Makes an environment with these extras, and more packages."""

    def make(extras: str, *more: str) -> Installed:
        folder, home = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("home")
        return Installed(folder / "venv", wheel, extras, home, *more)

    return make


@pytest.fixture(scope="session")
def bare(make: Callable[..., Installed]) -> Installed:
    """`pip install sagemaker-harness`."""
    return make("")


@pytest.fixture(scope="session")
def flow(make: Callable[..., Installed]) -> Installed:
    """`pip install 'sagemaker-harness[flow]'`."""
    return make("flow")
