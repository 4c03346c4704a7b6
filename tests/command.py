"""The harness as a command, for tests in environments that it isn't installed in.

That is `HARNESS`, or the one on the PATH.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60
BUILD_SECONDS = 900


def harness(*arguments: str, timeout: float = SECONDS) -> str:
    """What the command prints; its progress goes to stderr."""
    command = [os.environ.get("HARNESS", "harness"), *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=timeout)
    if result.returncode:
        raise pytest.UsageError(f"{' '.join(command)} ended with status {result.returncode}.")
    return result.stdout


def build(*options: str) -> str:
    """The name of the image of a project, which is built unless it is there."""
    built = harness("build", "--json", *options, timeout=BUILD_SECONDS)
    return str(json.loads(built.splitlines()[-1])["image"])


def build_functions(folder: Path) -> str:
    """The same of the project in `folder`, in whose image functions run."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("a function needs the Python that it was pickled in, and its image has 3.11")
    return build("--config", str(folder / "harness.toml"))
