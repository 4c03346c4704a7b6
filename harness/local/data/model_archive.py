"""A model archive on its way from S3 to a container: unpacked, looked at, and bounded in size.

A few MB of gzip can be terabytes. So it isn't the engine that decompresses it: what comes out is
counted here, before any of it is on the engine's disk.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections import deque
from typing import TYPE_CHECKING

from harness.local.data.opt_ml import CHUNK, ContentError, TarReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.local.data.volumes import Volume
    from harness.local.engine.streams.pieces import Piece

MAGIC = b"\x1f\x8b"
"""What gzip begins with."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""What a file begins with that Git LFS has put in place of another."""

SLICE = 1 << 16
"""Bytes that are decompressed at once."""

HEADER_LIMIT = 16 << 20
"""Bytes of an archive between two files' contents, and behind the last: headers, long names."""


def unpacked(pieces: Iterator[Piece], volume: Volume) -> Iterator[Piece]:
    """The tar in a model archive, piece by piece.

    Raises `ContentError` if it isn't gzip-compressed (the engine would also take a plain tar, which
    SageMaker refuses) or breaks off, `FullVolumeError` once a file in it, as large as its header
    says, doesn't fit into the volume.
    """
    passing: deque[bytes] = deque()
    source = _noted(_inflated(pieces), passing)
    try:
        with tarfile.open(
            fileobj=io.BufferedReader(TarReader(source), CHUNK), mode="r|", bufsize=CHUNK
        ) as archive:
            for member in archive:
                volume.take(max(0, member.size))
                yield from _drained(passing)
                content = archive.extractfile(member) if member.isreg() else None
                while content and content.read(CHUNK):
                    yield from _drained(passing)
    except tarfile.TarError as error:
        raise ContentError(f"what it holds is no tar archive: {error}") from error
    yield from _drained(passing)
    for _ in source:  # zeros that fill up the last block, and the checksum
        pass


def _noted(chunks: Iterator[bytes], passing: deque[bytes]) -> Iterator[bytes]:
    """The same chunks, which are also put down in `passing`."""
    for chunk in chunks:
        if sum(map(len, passing)) > HEADER_LIMIT:
            raise ContentError(f"it has {HEADER_LIMIT >> 20} MB that are of no file")
        passing.append(chunk)
        yield chunk


def _drained(passing: deque[bytes]) -> Iterator[bytes]:
    while passing:
        yield passing.popleft()


def _inflated(pieces: Iterator[Piece]) -> Iterator[bytes]:
    """What gzip has compressed, at most `CHUNK` bytes at once; members in a row are one."""
    inflater = None
    begun = False
    for data in _slices(pieces):
        while data:
            if inflater is None:
                data = data.lstrip(b"\0") if begun else data  # it may be filled up with zeros
                if not data:
                    break
                inflater, begun = zlib.decompressobj(16 + zlib.MAX_WBITS), True
            try:
                out = inflater.decompress(data, CHUNK)
            except zlib.error as error:
                raise ContentError(f"it is not gzip-compressed: {error}") from error
            if out:
                yield out
            if inflater.eof:
                data, inflater = inflater.unused_data, None
            else:
                data = inflater.unconsumed_tail
    if inflater is not None and (rest := inflater.flush()):
        yield rest
    if not begun or (inflater is not None and not inflater.eof):
        raise ContentError("it is not gzip-compressed, or not whole")


def _slices(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The pieces' bytes; raises `ContentError` if they don't begin as gzip does."""
    first = True
    for piece in pieces:
        for part in [piece] if isinstance(piece, bytes) else piece:
            if first and part[: len(LFS_POINTER)] == LFS_POINTER:
                raise ContentError(
                    "it is a Git LFS pointer and not the archive itself: run `git lfs pull`"
                )
            if first and part[: len(MAGIC)] != MAGIC:
                raise ContentError("it is not gzip-compressed")
            first = first and not part
            for at in range(0, len(part), SLICE):
                yield part[at : at + SLICE]
