"""This environment's pip, and its settings for a pip elsewhere: index, CA, proxy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from harness.errors import BuildError
from harness.image.debian import last_lines

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 1800
"""How long it may take."""

# 1980 is as far back as the zip format goes; a wheel is a zip.
SOURCE_DATE_EPOCH = "315532800"


def run(*arguments: str | Path, cwd: Path) -> None:
    """Run this environment's pip.

    Raises:
        BuildError: it failed; the sentence ends with its own last words.
    """
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"pip took longer than {SECONDS} s.") from None
    if done.returncode:
        raise BuildError(failure(arguments[0], done.stdout))


def environment_elsewhere() -> dict[str, str]:
    """This machine's pip configuration and proxies as variables, for a pip elsewhere."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    environment = {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in {"index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout"}:
            environment[f"PIP_{name.upper().replace('-', '_')}"] = ast.literal_eval(value)
    if "PIP_CERT" not in environment and (bundle := os.environ.get("SSL_CERT_FILE")):
        environment["PIP_CERT"] = bundle
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        for spelling in (name, name.upper()):
            if spelling in os.environ:
                environment[spelling] = os.environ[spelling]
    return environment


def failure(command: str | Path, said: str) -> str:
    errors = [line for line in said.splitlines() if line.lstrip().startswith("ERROR: ")]
    return f"`pip {command}` failed: {last_lines(chr(10).join(errors) or said)}."
