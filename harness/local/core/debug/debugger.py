"""A debugger in a container: debugpy, which listens in the first Python that runs a program there.

A container has it whose environment names a port by `VARIABLE`: its own port is published there, on
loopback only. Nothing of the image is changed: debugpy's files are put beside what the AWS SDKs
read, and a `sitecustomize`, which PYTHONPATH leads to, starts it. They are those of this Python's
debugpy; another Python leaves what is compiled for this one, and has the same, slower, in Python.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.config import extras

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.engine.containers import Containers

VARIABLE = "HARNESS_DEBUG"
"""Of a container's environment: the port of this machine that its debugger is reached at."""

FOLDER = "/opt/harness/debug"
"""Of the container, with debugpy and what starts it."""

PORT = 5678
"""The one that debugpy listens on, in the container."""

SECONDS = 3600
"""How long a container that serves may stand still, which is no failure then."""

_START = Path(__file__).parent / "python" / "sitecustomize.py"

_WANTED = {".py", ".so"}
"""Of debugpy's files, by their suffix. The others are sources of what is compiled, and notices."""


class DebugError(Exception):
    """There can be no debugger; the text says why."""


class Debugger(NamedTuple):
    """What a container has of it."""

    port: int
    """The one of this machine."""
    environment: dict[str, str]

    @property
    def ports(self) -> tuple[int, int]:
        """The container's, and the one of this machine."""
        return PORT, self.port


def wanted(
    containers: Containers, image: str, environment: Mapping[str, str], *, isolated: bool
) -> Debugger | None:
    """The debugger that a container of the image is to have, by its environment; mostly none.

    There is none either while another container is reached at that port: of several that are alike,
    the first has it. The port is reserved until `Containers.create` has it, or `Containers.free`.

    Raises:
        DebugError: it names no port, no debugger gets into it, or debugpy isn't installed here.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65_535):
        raise DebugError(f"{VARIABLE} is {text!r}, and must be a port of 1024 to 65535")
    if isolated:
        raise DebugError(
            f"{VARIABLE} is set, and network isolation keeps a debugger out, too; leave one of "
            "them out"
        )
    if _package() is None:
        raise DebugError(
            f"{VARIABLE} is set, and the Python of the local AWS has no debugpy, which is "
            f"installed there by {extras.command('debug')}"
        )
    port = int(text)
    if not containers.reserve(port):
        return None
    before = {**containers.image_environment(image), **environment}.get("PYTHONPATH", "")
    path = ":".join(filter(None, (FOLDER, before)))
    # It warns of modules that are part of the interpreter: nobody debugs those.
    return Debugger(port, {"PYTHONPATH": path, "PYDEVD_DISABLE_FILE_VALIDATION": "1"})


def files() -> dict[str, bytes]:
    """What stands in `FOLDER`, by the path in the container."""
    package = _package()
    if package is None:
        raise DebugError("debugpy is no longer installed")
    found = {f"{FOLDER}/sitecustomize.py": _START.read_bytes()}
    for path in sorted(package.rglob("*")):
        if path.suffix in _WANTED:
            name = path.relative_to(package.parent).as_posix()
            found[f"{FOLDER}/{name}"] = path.read_bytes()
    return found


def _package() -> Path | None:
    """The folder of this Python's debugpy, if it has one."""
    spec = importlib.util.find_spec("debugpy")
    return Path(spec.origin).parent if spec and spec.origin else None
