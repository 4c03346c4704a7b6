"""The wheel of gam_model, which is built here and not fetched."""

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

    from harness.config import Settings
    from harness.image.context import Sources

_KEEP_PACKAGES = 10


def package(
    settings: Settings, sources: Sources, progress: Callable[[str], None]
) -> dict[str, Path]:
    """gam_model's wheel for a build context, the same bytes for the same sources; no network."""
    if not sources.package:
        return {}
    folder = cache_folder() / "packages" / files_hash(sources.package)[:24]
    if not folder.is_dir():
        progress("building gam_model's wheel")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as new:
            options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
            source = settings.root / "gam_model"
            pip.run("wheel", *options, "--wheel-dir", f"{new}/wheels", source, cwd=Path(new))
            Path(new, "wheels").rename(folder)
        keep_newest(folder.parent, _KEEP_PACKAGES)
    return {f"wheels/{wheel.name}": wheel for wheel in folder.glob("*.whl")}
