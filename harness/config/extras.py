"""What `pip install sagemaker-harness` leaves out, and how to get it: its extras.

Without any of them the local AWS runs, with its page, its tools and the fixtures that start it, and
images are built. What else there is brings some hundred megabytes that not everybody needs: what a
command can't do without is installed when it is first used, as the Docker engine is.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

DISTRIBUTION = "sagemaker-harness"

NO_SETUP_VARIABLE = "HARNESS_NO_PACKAGE_SETUP"
"""Set to 1, nothing is installed into this environment: what is missing is only told."""

_INSTALL_SECONDS = 1800

EXTRAS = {
    "sdk": {"sagemaker.core": "sagemaker-core"},
    "flow": {"numpy": "numpy", "sagemaker.core": "sagemaker-core"},
    "tuning": {"bayes_opt": "bayesian-optimization"},
    "debug": {"debugpy": "debugpy"},
}
"""The packages that are needed of each, by the module that is there where the package is.

The flow has scikit-learn, too, which only some scores need.
"""


def missing(extra: str) -> list[str]:
    """The packages of an extra that aren't installed."""
    return [package for module, package in EXTRAS[extra].items() if not _is_there(module)]


def require(extra: str, what: str) -> None:
    """Raises `MissingExtraError` where an extra isn't installed that `what` needs."""
    if lacking := missing(extra):
        are = "is" if len(lacking) == 1 else "are"
        raise MissingExtraError(
            f"{what} needs {' and '.join(lacking)}, which {are} not installed: {command(extra)}"
        )


def provide(extra: str, what: str, tell: Callable[[str], None]) -> None:
    """Install an extra with pip that `what` needs and that isn't there, and `tell` of it.

    Of several that need it at once, as pytest-xdist's workers, one installs it and the others wait.
    Raises `MissingExtraError`, as `require` does, where that is turned off or fails; then it ends
    with pip's last words.
    """
    if not missing(extra):
        return
    if os.environ.get(NO_SETUP_VARIABLE, "") not in {"", "0"}:
        require(extra, what)
    from harness import locks  # which takes time to import, and is seldom needed

    words = ""
    with locks.held("installation of packages", MissingExtraError, progress=tell):
        importlib.invalidate_caches()
        if missing(extra):
            tell(
                f"installing what {what} needs beside the local AWS, once: {command(extra)} "
                f"({NO_SETUP_VARIABLE}=1 turns this off)"
            )
            words = _install(_requirements(extra))
            importlib.invalidate_caches()
    try:
        require(extra, what)
    except MissingExtraError as error:
        raise MissingExtraError(f"{error}, which failed here ({words})") from None


def _requirements(extra: str) -> list[str]:
    """What the distribution asks for of an extra, in pip's words."""
    from importlib import metadata

    from packaging.requirements import Requirement  # pytest's; both are slow to import

    asked = map(Requirement, metadata.requires(DISTRIBUTION) or [])
    return [
        f"{each.name}{each.specifier}"
        for each in asked
        if each.marker
        and each.marker.evaluate({"extra": extra})
        and not each.marker.evaluate({"extra": ""})
    ]


def _install(requirements: list[str]) -> str:
    """Returns pip's last words; whether it went well is seen by what is there."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        ran = subprocess.run(
            [*pip, *requirements],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"pip took longer than {_INSTALL_SECONDS} s"
    lines = [line.strip() for line in ran.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return next(iter(errors[-1:] or lines[-1:]), f"pip ended with status {ran.returncode}")


def command(extra: str) -> str:
    """What installs it."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def _is_there(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of what it is in
        return False
