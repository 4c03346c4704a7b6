"""A request that comes in, and its body on the way from the loop to a thread."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import DisconnectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.protocol.messages import Request, Response
    from harness.local.protocol.service import Service


class Body(io.RawIOBase):
    """What has come of a request's body and hasn't been read. `size`: bytes of that.

    The loop feeds it, and a thread reads it: it waits for what hasn't come yet. That ends with the
    body, or with the connection, at the latest when its client has been silent for too long.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._ended = False
        self._error: DisconnectedError | None = None
        self._changed = threading.Condition()
        self._on_read: Callable[[], None] | None = None
        self.size = 0

    def feed(self, piece: bytes) -> None:
        with self._changed:
            self._pieces.append(piece)
            self.size += len(piece)
            self._changed.notify()

    def end(self) -> None:
        """There will be no more."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def fail(self, error: DisconnectedError) -> None:
        """There will be no more, though it isn't whole: whoever reads gets the error."""
        with self._changed:
            if not self._ended:
                self._error = self._error or error
                self._pieces.clear()
                self.size = 0
            self._changed.notify()

    def call_when_read(self, call: Callable[[], None]) -> None:
        """Call that, in the thread that reads, each time that something has been read."""
        self._on_read = call

    def take(self) -> bytes:
        """All of a body that has ended."""
        pieces = self._pieces
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        return whole

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """What comes next, up to so many bytes; none at the end. Of no size: all of it.

        Raises:
            DisconnectedError: it broke off, or its client is silent.
        """
        if size < 0:
            return self.readall()
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended or self._error)
            if self._error:
                raise DisconnectedError(*self._error.args)
            if not self._pieces or not size:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            self.size -= len(piece)
        if self._on_read:
            self._on_read()
        return piece

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class Incoming:
    """A request from its head on, until it is answered."""

    __slots__ = (
        "answer", "body", "complete", "done", "dropped", "held", "keep", "request", "service",
        "spooled", "version",
    )  # fmt: skip

    def __init__(self, request: Request | None, body: Body, version: str, *, keep: bool) -> None:
        self.request = request
        self.body = body
        self.version = version
        self.keep = keep
        """Whether the connection is kept open after it."""
        self.answer: Response | None = None
        """What it gets without being asked about any further."""
        self.service: Service | None = None
        """Who answers it in the loop."""
        self.complete = False
        """Whether all of it is there."""
        self.spooled = False
        """Whether as much of it is there as is waited for before a thread is taken."""
        self.done = False
        """Whether it has been answered."""
        self.dropped = 0
        self.held = 0

    @property
    def ready(self) -> bool:
        return self.complete or self.spooled or self.answer is not None
