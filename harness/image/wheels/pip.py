"""This environment's pip, and its settings for a pip elsewhere: index, CA, proxy."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from harness.console import Passing
from harness.errors import BuildError
from harness.image.debian import last_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TOLD = re.compile(
    r"\s*(?:Processing|Collecting|Downloading|Using cached|Preparing|Installing build|Building"
    r"|Saved) .*"
)
"""Lines that say how far it is."""

_VERSIONS = re.compile(r"\(from versions: (?:[^,)]+, ){9,}((?:[^,)]+, ){3}[^,)]+)\)")
"""All versions that there are: the last ones will do."""

SECONDS = 1800
"""How long it may take."""

# 1980 is as far back as the zip format goes; a wheel is a zip.
SOURCE_DATE_EPOCH = "315532800"


def run(
    *arguments: str | Path, cwd: Path, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Run this environment's pip; what it says on the way goes to `progress`.

    Raises:
        BuildError: it failed; the sentence ends with its own last words.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "pip", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(SECONDS, end)
    timer.daemon = True
    timer.start()
    said: list[str] = []
    try:
        with process:
            for line in process.stdout or ():
                said.append(line)
                tell(line, progress)
    except BaseException:
        process.kill()
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise BuildError(f"pip took longer than {SECONDS} s.")
    if process.returncode:
        raise BuildError(failure(arguments[0], "".join(said)))


def tell(line: str, progress: Callable[[str], None]) -> None:
    """What pip says of what it is at: which package it looks for, fetches or builds."""
    if found := _TOLD.match(line):
        progress(Passing(f"  pip: {found[0].strip()}"))


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
    errors = [
        line
        for line in said.splitlines()
        if line.lstrip().startswith("ERROR: ") and "ERROR: Ignored the following" not in line
    ]
    told = _VERSIONS.sub(r"(from versions: … \1)", "\n".join(errors) or said)
    return f"`pip {command}` failed: {last_lines(told)}."
