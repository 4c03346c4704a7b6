"""Where a project's programs stand in its containers, for a debugger that knows them by both."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from harness.image.context import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.config.settings import Settings

CODE = "/opt/ml/code"
"""Where script mode's program is unpacked, and where AWS's own images have theirs."""


class Mapping(NamedTuple):
    """A folder (or file) of the project, relative to its root, and where that is in a container."""

    local: str
    remote: str


def mappings(settings: Settings) -> list[Mapping]:
    """Those of a project's image: what its Dockerfile copies, and what comes along with a job.

    The inner come before the outer. Of an image that isn't built here nothing is known; there the
    whole project is taken for `CODE`.
    """
    found = []
    if settings.training.entry_point:
        found.append(Mapping(_below("", settings.training.source_dir), CODE))
    if not settings.image.uri:
        sources = Sources.read(settings.root, settings.image)
        found += [
            Mapping(_below(settings.image.context, local), remote)
            for local, remote in sources.copies
            if _has_program(local, sources.context)
        ]
    return found or [Mapping("", CODE)]


def _below(folder: str, path: str) -> str:
    joined = PurePosixPath(folder, path).as_posix()
    return "" if joined == "." else joined.removeprefix("./")


def _has_program(local: str, context: Iterable[str]) -> bool:
    """Whether something there may be a Python program: `train` may be one, too."""
    return any(
        PurePosixPath(name).suffix in {".py", ""}
        for name in context
        if not local or name == local or name.startswith(f"{local}/")
    )
