"""The build context: which files go into an image, their hash, and their tar."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FORMAT = "1"  # to be raised when the same inputs are put together in another way
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Sources:
    """What an image is built of: paths in the build context, and the files that stand there."""

    container: dict[str, Path]
    package: dict[str, Path]

    @classmethod
    def read(cls, root: Path) -> Sources:
        """The files of `root/container` and, where there is one, of `root/gam_model`.

        Raises:
            BuildError: there is no Dockerfile.
        """
        if not (root / "container" / "Dockerfile").is_file():
            raise BuildError(
                f"there is no {root / 'container' / 'Dockerfile'} to build; run this in the "
                f"project's folder, the one with harness.toml."
            )
        package = root / "gam_model"
        named = [package / name for name in ("pyproject.toml", "README.md")]
        return cls(
            container=files_below(root / "container"),
            package={path.name: path for path in named if path.is_file()}
            | {f"src/{name}": path for name, path in files_below(package / "src").items()},
        )

    def content_hash(self, base: str) -> str:
        """The hash of all of it and of the base image's ID, in 64 hex digits."""
        digest = hashlib.sha256(f"{_FORMAT} {base}\n".encode())
        for files in (self.container, self.package):
            digest.update(files_hash(files).encode())
        return digest.hexdigest()


def files_hash(files: dict[str, Path]) -> str:
    """The hash of names, contents and permission to execute; of nothing else, such as times."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{name}\0{_mode(path):o}\0{content}\n".encode())
    return digest.hexdigest()


def tar_stream(files: Mapping[str, Path | bytes]) -> Iterator[bytes]:
    """The files as a tar, in pieces; the same bytes for the same files, whoever owns them.

    A wheelhouse is larger than what one likes to hold in memory, hence no `tarfile.open`.
    """
    for name, source in sorted(files.items()):
        entry = tarfile.TarInfo(name)
        entry.mode = 0o644 if isinstance(source, bytes) else _mode(source)
        entry.size = len(source) if isinstance(source, bytes) else source.stat().st_size
        yield entry.tobuf()
        if isinstance(source, bytes):
            yield source
        else:
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def files_below(folder: Path) -> dict[str, Path]:
    """Every file below a folder but hidden ones and Python's own by-products."""
    found = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") or part == "__pycache__" for part in parts):
            continue
        if path.is_file():
            found["/".join(parts)] = path
    return found


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644
