"""The build context: which files go into an image, their hash, and their tar."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docker.utils.build import exclude_paths

from harness.errors import BuildError
from harness.image.dockerfile import arguments, copies, expanded, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.config.settings import Image

_FORMAT = "2"  # to be raised when the same inputs are put together in another way
_CHUNK = 1 << 20

LEFT_OUT = (
    ".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".harness", ".ipynb_checkpoints",
    "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", "*.py[co]", ".DS_Store",
    "build/runs",
)  # fmt: skip
"""What no image needs, in the patterns of .dockerignore, at any depth."""

_FROM = re.compile(
    r"^[ \t]*FROM[ \t]+(?:--platform=\S+[ \t]+)?(?P<image>\S+)", re.IGNORECASE | re.MULTILINE
)
BASE_ARG = "BASE_IMAGE"
"""The Dockerfile's argument that `image.base` is given as."""


@dataclass(frozen=True)
class Sources:
    """What an image is built of: paths in the build context, and the files that stand there.

    `dockerfile_name` is the Dockerfile's. `packages` are those of `image.packages`, by their
    folders; their wheels go into the context.
    """

    image: Image
    dockerfile_name: str
    context: dict[str, Path]
    packages: dict[Path, dict[str, Path]]

    @classmethod
    def read(cls, root: Path, image: Image) -> Sources:
        """The files that `image` names, relative to `root`.

        Raises:
            BuildError: there is no Dockerfile, or a package isn't there.
        """
        folder = root / image.context
        name = posixpath.normpath(image.dockerfile)
        if not (folder / name).is_file():
            raise BuildError(f"there is no {folder / name} to build: {_missing(root, image)}.")
        if name.startswith(("../", "/")):
            raise BuildError(
                f"image.dockerfile = {image.dockerfile!r} is outside of {folder} (image.context), "
                "which is all that is sent to the build."
            )
        packages = {root / name: _package(root / name) for name in image.packages}
        return cls(image, name, _sent(folder, name), packages)

    @property
    def dockerfile(self) -> str:
        """Its text."""
        return _text(self.context[self.dockerfile_name])

    @property
    def takes_base(self) -> bool:
        """Whether the Dockerfile is given the base image."""
        return any(name == BASE_ARG for name, _ in arguments(joined(self.dockerfile)))

    @property
    def first_base(self) -> str:
        """The image that the first stage is built on, which its wheels have to fit."""
        text = joined(self.dockerfile)
        match = _FROM.search(text)
        if match is None:
            raise BuildError(f"{self.context[self.dockerfile_name]} has no FROM.")
        values: dict[str, str] = {}
        for name, default in arguments(text[: match.start()]):  # the others are of a stage
            values[name] = self.image.build_args.get(name, expanded(default, values))
        found = expanded(match["image"], values)
        if not found:
            raise BuildError(
                f"{self.context[self.dockerfile_name]} is built on {match['image']}, which is no "
                "image: give the argument a default there, or a value in image.build_args."
            )
        return found

    @property
    def requirements(self) -> Path | None:
        """The file whose wheels are to be in the context, if there is one."""
        return self.context.get(self.image.requirements)

    @property
    def constraints(self) -> Path | None:
        return self.context.get(self.image.constraints)

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Which folders of the context stand where in the image, and single files likewise."""
        return copies(self.dockerfile, self.image, self.context)

    def content_hash(self, base: str) -> str:
        """The hash of all of it and of the base image's ID, in 64 hex digits."""
        image = self.image
        how = [self.dockerfile_name, image.target, image.build_args, image.network]
        digest = hashlib.sha256(f"{_FORMAT} {base} {json.dumps(how, sort_keys=True)}\n".encode())
        for files in (self.context, *self.packages.values()):
            digest.update(files_hash(files).encode())
        return digest.hexdigest()


def _missing(root: Path, image: Image) -> str:
    """What to do where there is no Dockerfile: in a project, and in another folder."""
    from harness.config.loading import FILE_NAME

    if not (root / FILE_NAME).is_file():
        return (
            f"run this in the project's folder, the one with {FILE_NAME}, or make a project by "
            "`harness init`"
        )
    if not (root / image.context).is_dir():
        return f"image.context = {image.context!r} is no folder in {root}"
    return f"put one there, or name another by image.dockerfile (it is {image.dockerfile!r})"


def _text(file: Path) -> str:
    """A file's text as Docker reads it: without a mark at its start, and with whatever bytes."""
    return file.read_text(encoding="utf-8-sig", errors="surrogateescape")


def _sent(folder: Path, dockerfile: str) -> dict[str, Path]:
    """The files that Docker would send, but for what no image needs."""
    ignore = folder / ".dockerignore"
    lines = _text(ignore).splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    everywhere = [each for name in LEFT_OUT for each in (name, f"**/{name}")]
    found = exclude_paths(str(folder), [*everywhere, *patterns], dockerfile=dockerfile)
    files = {name.replace("\\", "/"): folder / name for name in found if (folder / name).is_file()}
    inside = folder.resolve()
    for name, path in files.items():
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise BuildError(
                f"{folder / name} is a link to {path.resolve()}, outside the build context: copy "
                "the file there, or leave the link out by .dockerignore."
            )
    return files


def _package(folder: Path) -> dict[str, Path]:
    """The files that a package's wheel is made of, as far as can be told from here."""
    if not (folder / "pyproject.toml").is_file():
        raise BuildError(
            f"there is no {folder / 'pyproject.toml'}, of a package in image.packages."
        )
    return {
        name: path
        for name, path in files_below(folder).items()
        if not name.startswith(("tests/", "dist/", "build/"))
    }


def files_hash(files: dict[str, Path]) -> str:
    """The hash of names, contents and permission to execute; of nothing else, such as times."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        entry = f"{name}\0{_mode(path):o}\0{content}\n"
        digest.update(entry.encode(errors="surrogateescape"))
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
