"""Pieces of a stream: bytes, or a part of a file that the kernel sends without them being read."""

from __future__ import annotations

import os
import platform
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

PIECE = 1 << 20
"""Bytes that are read at once."""

SENT_PIECE = 8 << 20
"""Bytes that are sent at once, where they aren't read."""

_SENDS_FILES = platform.system() == "Linux"


class Content:
    """The bytes of a file from `begin` to `end`, readable even once it is removed.

    It stands in for bytes where only their length, a slice of them, or all of them in their order
    are asked for.
    """

    def __init__(self, descriptor: int, begin: int, end: int) -> None:
        """Takes over the descriptor."""
        self._descriptor = descriptor
        self._begin = begin
        self._end = end
        self.close = weakref.finalize(self, os.close, descriptor)

    def __len__(self) -> int:
        return self._end - self._begin

    def __getitem__(self, part: slice) -> Content:
        begin, end, _ = part.indices(len(self))
        begin, end = self._begin + begin, self._begin + max(begin, end)
        return Content(os.dup(self._descriptor), begin, end)

    def __iter__(self) -> Iterator[bytes]:
        return self.iter_chunks()

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def iter_chunks(self, size: int = PIECE) -> Iterator[bytes]:
        at = self._begin
        while at < self._end and (
            piece := os.pread(self._descriptor, min(size, self._end - at), at)
        ):
            at += len(piece)
            yield piece

    def pieces(self) -> Iterator[Content]:
        """The same bytes, as parts of the file that none has read yet."""
        for at in range(0, len(self), SENT_PIECE):
            yield self[at : at + SENT_PIECE]

    def fileno(self) -> int:
        return self._descriptor

    def send(self, connection: socket.socket) -> None:
        """Send them all; on Linux they don't pass through this process's memory."""
        if _SENDS_FILES:
            # It asks for no more of a file than its descriptor.
            connection.sendfile(self, self._begin, len(self))  # type: ignore[arg-type]
            return
        for piece in self:
            connection.sendall(piece)

    def copy_to(self, descriptor: int) -> None:
        """Write them all to a file; on Linux they don't pass through this process's memory."""
        if not _SENDS_FILES:
            for piece in self:
                write_all(descriptor, piece)
            return
        at = self._begin
        while at < self._end and (
            sent := os.sendfile(descriptor, self._descriptor, at, self._end - at)
        ):
            at += sent


def write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


Piece = bytes | Content
"""A part of a stream, read or not."""


class Stream(Protocol):
    """Bytes out of a container, to be read to their end or closed: see `Archives.get`."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def close(self) -> None: ...
