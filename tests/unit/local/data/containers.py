"""What stands for a container: a folder of this machine, archived as the engine archives it."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Rooted:
    """A container whose `/` is the folder `root`. Its absolute links lead to places below that."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, path: str) -> Path:
        """The folder at this path, made with those above it."""
        folder = self.root / path.lstrip("/")
        folder.mkdir(parents=True)
        return folder

    def get(self, path: str) -> Generator[bytes, None, None] | None:
        """Links above the last part are followed in the root, and the last one isn't."""
        *above, last = path.strip("/").split("/")
        at = self.root
        for part in above:
            at /= part
            while at.is_symlink():
                target = str(at.readlink())
                at = self.root / target.lstrip("/") if target[0] == "/" else at.parent / target
        at /= last
        if not at.exists() and not at.is_symlink():
            return None
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(at, arcname=last)
        data = packed.getvalue()
        return (data[start : start + 100_000] for start in range(0, len(data), 100_000))
