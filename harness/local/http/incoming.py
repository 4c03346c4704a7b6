"""A request that comes in, and its body on the way from the loop to a thread."""

from __future__ import annotations

import io
import queue
from typing import TYPE_CHECKING, Any, cast

from harness.local.protocol.errors import DisconnectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.local.protocol.messages import Request, Response
    from harness.local.protocol.service import CallInLoop


_STATEFUL = frozenset(("expect", "upgrade", "transfer-encoding"))
"""Headers that say more than what is asked for."""


class Body(io.RawIOBase):
    """A request's body, which the loop feeds and a thread reads, waiting for what hasn't come yet.

    That ends with the body, or with the connection, at the latest when its client has been silent
    for too long. `when_read` is called, in the thread, each time that something has been read.
    """

    def __init__(self, begun: Iterable[bytes], when_read: Callable[[], None] | None = None) -> None:
        self._pieces: queue.SimpleQueue[bytes | DisconnectedError | None] = queue.SimpleQueue()
        self._when_read = when_read
        self._rest = b""
        self._end: DisconnectedError | bool = False
        self._fed = self._taken = 0
        for piece in begun:
            self.feed(piece)

    @property
    def size(self) -> int:
        """Bytes that have come and haven't been read."""
        return self._fed - self._taken

    def feed(self, piece: bytes) -> None:
        self._fed += len(piece)
        self._pieces.put(piece)

    def end(self) -> None:
        """There will be no more."""
        self._pieces.put(None)

    def fail(self, error: DisconnectedError) -> None:
        """There will be no more, though it isn't whole: who reads it gets the error."""
        self._pieces.put(error)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """What comes next, up to so many bytes; none at the end. Of no size: all of it.

        Raises:
            DisconnectedError: it broke off, or its client is silent.
        """
        if size < 0:
            return self.readall()
        piece = self._rest or self._next()
        self._rest = piece[size:]
        return piece[:size]

    def _next(self) -> bytes:
        if not self._end:
            piece = self._pieces.get()
            if isinstance(piece, bytes):
                self._taken += len(piece)
                if self._when_read is not None:
                    self._when_read()
                return piece
            self._end = piece or True
        if isinstance(self._end, DisconnectedError):
            raise DisconnectedError(*self._end.args)
        return b""

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class Incoming:
    """A request from its head on, until it is answered."""

    __slots__ = (
        "answer",
        "body",
        "call",
        "complete",
        "done",
        "dropped",
        "held",
        "keep",
        "pieces",
        "request",
        "version",
    )  # fmt: skip

    def __init__(self, request: Request | None, version: str, *, keep: bool) -> None:
        self.request = request
        self.version = version
        self.keep = keep
        """Whether the connection is kept open after it."""
        self.answer: Response | None = None
        """What it gets without being asked about any further."""
        self.call: CallInLoop | None = None
        """What answers it in the loop."""
        self.pieces: list[bytes] = []
        """What is there of its body, and as long as it is in nobody's hands."""
        self.held = 0
        """Bytes of that."""
        self.body: Body | None = None
        """Its body, once a thread has it that reads it while it comes."""
        self.complete = False
        """Whether all of it is there."""
        self.done = False
        """Whether it has been answered."""
        self.dropped = 0
        """Bytes of its body that nobody wanted."""

    def again(self, body: bytes) -> Incoming:
        """Another one with the same head, of which this is the body."""
        call = cast("CallInLoop", self.call)
        other = Incoming(self.request, self.version, keep=True)
        other.call, other.complete = call.again(), True
        other.pieces, other.held = [body], len(body)
        return other

    @property
    def is_ready(self) -> bool:
        return self.complete or self.body is not None or self.answer is not None

    def head_of(self, data: bytes) -> bytes | None:
        """Its head, if it came as `data`, and the next that came so would be answered alike."""
        request = self.request
        if self.call is None or self.answer is not None or not self.keep or request is None:
            return None
        if not request.length or self.version != "1.1" or not _STATEFUL.isdisjoint(request.headers):
            return None
        size = data.find(b"\r\n\r\n") + 4
        return data[:size] if size + request.length == len(data) else None

    def fail(self, error: DisconnectedError) -> None:
        """Nothing more will come of it."""
        if self.body is not None and not self.complete:
            self.body.fail(error)
