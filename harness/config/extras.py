"""What `pip install sagemaker-harness` leaves out, and how to get it: its extras.

Without any of them the local AWS runs, with its page, its tools and the fixtures that start it, and
images are built. What else there is brings some hundred megabytes that not everybody needs.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from harness.errors import MissingExtraError

DISTRIBUTION = "sagemaker-harness"

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
