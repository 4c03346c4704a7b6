"""How far data is on its way, told to those who wait for it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.local.engine.streams.pieces import Piece

P = TypeVar("P", bound="Piece")

PASSING = {"passing": True}
"""What a log's record is marked with that gives way to the next one, where that can be."""

PERIOD = 1.0
"""Seconds between two messages, and before the first."""


class Transfer:
    """Counts bytes, of which some may be expected, and tells their number once a second.

    `disturb` is called with each number of bytes before it counts: it may wait, or raise.

    What takes less than a second is never told of. `what` is what happens: "Downloading input
    data". Several threads may count at once.
    """

    def __init__(
        self,
        what: str,
        tell: Callable[[str], None],
        disturb: Callable[[int], None] | None = None,
    ) -> None:
        self._what = what
        self._disturb = disturb
        self._tell = tell
        self._lock = threading.Lock()
        self._done = 0
        self._expected: int | None = 0
        self._next = time.monotonic() + PERIOD

    def expect(self, size: int | None) -> None:
        """So many bytes more are to come; None where nobody knows."""
        with self._lock:
            known = self._expected is not None and size is not None
            self._expected = (self._expected or 0) + (size or 0) if known else None

    def add(self, size: int) -> None:
        """So many bytes more are there."""
        if self._disturb is not None:
            self._disturb(size)
        with self._lock:
            self._done += size
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + PERIOD
            text = str(self)
        self._tell(text)

    def counted(self, pieces: Iterable[P]) -> Iterator[P]:
        """The same pieces; each counts once the next one is asked for."""
        for piece in pieces:
            yield piece
            self.add(len(piece))

    def __str__(self) -> str:
        """`Downloading input data: 1.2 of 2.0 GB`."""
        unit, scale, digits = "MB", 1e6, 0
        if max(self._done, self._expected or 0) >= 1e9:
            unit, scale, digits = "GB", 1e9, 1
        done = f"{self._done / scale:.{digits}f}"
        if not self._expected:
            return f"{self._what}: {done} {unit} so far"
        return f"{self._what}: {done} of {self._expected / scale:.{digits}f} {unit}"


def untold() -> Transfer:
    """One for what nobody waits for."""
    return Transfer("", lambda _: None)
