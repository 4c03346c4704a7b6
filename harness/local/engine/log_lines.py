"""Lines of a container's output, from the chunks that it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LOG_LINE = 262_144
"""Bytes of one log line; a longer one is cut in pieces, as CloudWatch Logs' events are limited."""


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut a container's output into lines, without their line ends."""
    rest = b""
    for chunk in chunks:
        *ended, rest = (rest + chunk).split(b"\n")
        *pieces, rest = _cut(rest)
        for line in ended:
            for piece in _cut(line.rstrip(b"\r")):
                yield piece.decode("utf-8", "replace")
        for piece in pieces:
            yield piece.decode("utf-8", "replace")
    if rest:
        yield rest.rstrip(b"\r").decode("utf-8", "replace")


def _cut(line: bytes) -> list[bytes]:
    """The line in pieces of `MAX_LOG_LINE` bytes at most, with no UTF-8 character cut apart."""
    if len(line) <= MAX_LOG_LINE:
        return [line]
    pieces = []
    while len(line) > MAX_LOG_LINE:
        at = MAX_LOG_LINE
        while at > MAX_LOG_LINE - 4 and line[at] & 0xC0 == 0x80:
            at -= 1
        pieces.append(line[:at])
        line = line[at:]
    return [*pieces, line]
