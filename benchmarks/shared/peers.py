"""Environments of peers whose dependencies don't go with ours: made once, by uv, and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.paths import cache_folder

LIMIT = 900  # seconds for one step


class PeerError(Exception):
    """Why a peer can't be had, in a sentence."""


def interpreter(name: str, requirement: str) -> Path:
    """The interpreter of an environment that holds what is required, by the name of its folder.

    Raises `PeerError`.
    """
    folder = cache_folder() / "benchmarks" / name
    python, made = folder / "bin" / "python", folder / "made-for"
    if python.exists() and made.exists() and made.read_text() == requirement:
        return python
    beside_us = Path(sys.executable).parent
    uv = shutil.which("uv", path=f"{beside_us}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        raise PeerError(f"uv, which would install {name}, is not there")
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), requirement],
    ):
        ran = subprocess.run(
            [uv, *command], capture_output=True, text=True, timeout=LIMIT, check=False
        )
        if ran.returncode != 0:
            raise PeerError(" ".join(ran.stderr.split()) or f"uv ended with {ran.returncode}")
    made.write_text(requirement)
    return python
