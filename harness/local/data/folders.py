"""A folder of a container, as the engine archives it: be it one, or a link to one."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import posixpath
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.local.data.links import MAX_HOPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.engine.streams.pieces import Stream

_log = logging.getLogger(__name__)

_HEAD = 1 << 14
"""Bytes in which the first member's header stands, a long name before it included."""


class Source(Protocol):
    """What a folder can be got from, as `Container` is."""

    def get(self, path: str) -> Stream | None: ...


@dataclass(frozen=True)
class Folder:
    """One folder that is being read."""

    path: str
    """Where it really is in the container."""
    stream: Iterator[bytes] | None
    """Its tar; None if there is no such folder."""

    @property
    def name(self) -> str:
        """What all names in the tar are below."""
        return self.path.rpartition("/")[2]


@contextlib.contextmanager
def opened(container: Source, path: str) -> Iterator[Folder]:
    """The folder at a path; where that is a link, the one that it leads to in the container.

    The engine looks for it among the container's own files, never among the machine's.
    """
    real, is_link = path.rstrip("/"), False
    for _ in range(MAX_HOPS):
        stream = container.get(real)
        with _closing(stream):
            head, first = _first(stream)
            if stream is None or first is None:
                break
            if first.isdir():
                yield Folder(real, itertools.chain([head], stream))
                return
            if not first.issym():
                break
        is_link = True
        real = posixpath.normpath(posixpath.join(posixpath.dirname(real), first.linkname))
        if real == "/":
            break
    if is_link:
        _log.warning(
            "nothing is uploaded of %s: it is a link to %s, where there is no folder", path, real
        )
    elif stream is not None:
        _log.warning("nothing is uploaded of %s: it is no folder", path)
    yield Folder(real, None)


def _first(stream: Stream | None) -> tuple[bytes, tarfile.TarInfo | None]:
    """What was read of a tar for it, and its first member."""
    head = b""
    for piece in stream or ():
        head += piece
        if len(head) >= _HEAD:
            break
    if not head:
        return head, None
    try:
        with tarfile.open(fileobj=io.BytesIO(head)) as archive:
            return head, archive.next()
    except tarfile.TarError:  # who reads it all will say so
        return head, None


def _closing(stream: Stream | None) -> contextlib.AbstractContextManager[object]:
    """Close the stream in the end, if there is one, so that the engine is free for the next."""
    return contextlib.nullcontext() if stream is None else contextlib.closing(stream)
