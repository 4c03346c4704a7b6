"""A trained model: the files of /opt/ml/model, kept in a tar on this machine's disk."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import tarfile
import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

from harness.local.data import opt_ml
from harness.local.data.links import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.local.engine.streams.pieces import Stream

CHUNK = 1 << 20
CORRUPT = 1 << 20
"""Bytes at most of a file that is to be corrupt."""


class Model:
    """The files of a model, without their contents in memory."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` is a tar, plain or compressed, whose names are relative to /opt/ml/model."""
        self._file = file
        file.seek(0)
        self.digests: dict[str, str] = {}
        """The hash of each file's content."""
        self._sizes: dict[str, int] = {}
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                if member.isreg() and (content := archive.extractfile(member)):
                    name = member.name.removeprefix("./")
                    self.digests[name] = _digest(cast("BinaryIO", content))
                    self._sizes[name] = member.size

    @classmethod
    def of_container(cls, chunks: Stream | None) -> Model:
        """The model in a container's tar stream of /opt/ml/model, which is closed in the end."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the model
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            if chunks is not None:
                with contextlib.closing(chunks):
                    opt_ml.repack(iter(chunks), archive, "model", Tree("/opt/ml/model"))
        return cls(cast("BinaryIO", file))

    @classmethod
    def of_file(cls, path: Path) -> Model:
        return cls(path.open("rb"))

    def __bool__(self) -> bool:
        return bool(self.digests)

    @property
    def size(self) -> int:
        return sum(self._sizes.values())

    def pieces(self) -> Iterator[bytes]:
        """The tar, for a container's /opt/ml/model; several may be filled at once."""
        at = 0
        while piece := os.pread(self._file.fileno(), CHUNK, at):
            at += len(piece)
            yield piece

    def corrupt(self) -> Iterator[bytes]:
        """A tar of files of the same names, with random bytes in them."""
        rng = random.Random(0)  # noqa: S311 - any bytes will do, the same each time
        entries = [
            opt_ml.file(name, rng.randbytes(min(max(size, 1), CORRUPT)))
            for name, size in self._sizes.items()
        ]
        folders = {parent for name in self._sizes for parent in _parents(name)}
        for piece in opt_ml.tar_stream([*map(opt_ml.folder, sorted(folders)), *entries]):
            yield bytes(piece)

    def extract(self, folder: Path) -> None:
        """Write the files below a folder, for all to read."""
        copy = io.BufferedReader(opt_ml.TarReader(self.pieces()), CHUNK)
        with tarfile.open(fileobj=copy, mode="r|*") as archive:
            for member in archive:
                target = folder / member.name.removeprefix("./")
                if ".." in target.parts:
                    continue
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                elif content := archive.extractfile(member):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())
                    target.chmod(0o644)


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _digest(content: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := content.read(CHUNK):
        digest.update(piece)
    return digest.hexdigest()
