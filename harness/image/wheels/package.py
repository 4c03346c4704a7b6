"""Wheels of a project's own packages, which are built here and not fetched."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.image.context import files_hash
from harness.image.wheels import pip
from harness.image.wheels.wheelhouse import keep_newest
from harness.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.image.context import Sources

_KEEP_PACKAGES = 10
_OPTIONS = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")


def packages(sources: Sources, progress: Callable[[str], None]) -> dict[str, Path]:
    """The wheels of a project's own packages by their paths in the context; no network.

    The same bytes for the same sources.

    Raises:
        BuildError: a package can't be built, in pip's own last words.
    """
    found: dict[str, Path] = {}
    for source, files in sources.packages.items():
        folder = cache_folder() / "packages" / files_hash(files)[:24]
        if not folder.is_dir():
            progress(f"building {source.name}'s wheel")
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as new:
                pip.run("wheel", *_OPTIONS, "--wheel-dir", f"{new}/wheels", source, cwd=Path(new))
                Path(new, "wheels").rename(folder)
            keep_newest(folder.parent, _KEEP_PACKAGES)
        found |= {f"wheels/{wheel.name}": wheel for wheel in folder.glob("*.whl")}
    return found
