"""HTTP/1.1 with a container, in the loop: one exchange after another, over connections kept open.

llhttp, Node's parser, reads the answers, strictly.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import select
import socket
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from harness.local.protocol.messages import header_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONNECT_TIMEOUT = 5.0
"""Seconds within which a container must accept a connection."""

CONNECTIONS = 128
"""Exchanges with one container at once; further ones wait. As many connections are kept open."""

BUFFERED = 256 * 1024
"""Bytes of an answer that nobody has read, above which no more is taken from the container."""

HEADS = 64
"""Heads of requests to one container that are remembered."""

MAX_HEAD = 64 * 1024
"""Bytes of an answer's head, and of its trailers."""

USER_AGENT = "AHC/2.0"  # SageMaker's, which containers' access logs show

_NO_VALUE = re.compile(r"[\r\n\0]")


class MalformedError(ConnectionError):
    """What the container answers is not HTTP; the text says why."""


class Sockets:
    """Those that lead to one container, whoever reads from them. For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def add(self, connected: socket.socket) -> None:
        with self._lock:
            self._open.add(connected)

    def end(self) -> None:
        """Let their readers find the end, behind what has come. The container has ended.

        Its kernel says so as well, but what it says is lost where the container's network goes
        first, as it may on a busy machine; then a reader would wait for as long as it may.
        """
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):  # it is closed
                    each.shutdown(socket.SHUT_RD)


class Pool:
    """Connections to one container, each made when none is idle. It belongs to the loop using it.

    Args:
        host: the container's address.
        port: the same.
        is_there: asked when a connection has been made, before anything is sent: whether the
            address is still the container's.
        connect: called in a thread, returns a socket that is connected to the container, where
            that is more than to connect to the address.
        sockets: where its connections are to stand.
    """

    def __init__(
        self,
        host: str,
        port: int,
        is_there: Callable[[], bool],
        connect: Callable[[], socket.socket] | None = None,
        sockets: Sockets | None = None,
    ) -> None:
        self._sockets = Sockets() if sockets is None else sockets
        self._address = (host, port)
        self._host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._is_there = is_there
        self._connect = connect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[Answer] = []
        self._asking = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._head = functools.lru_cache(HEADS)(self._make_head)

    async def ask(self, path: str, headers: Mapping[str, str], body: bytes, limit: float) -> Answer:
        """POST a body; returns at the head of the answer, which must be `close`d.

        limit: seconds from here to the answer's end.

        Raises:
            TimeoutError: that was too short.
            ConnectionError, OSError: the container broke off, or doesn't answer in HTTP.
            ValueError: a header isn't one line.
        """
        head = b"%bContent-Length: %d\r\n\r\n" % (self._head(path, *headers.items()), len(body))
        self._loop = loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        if self._asking < CONNECTIONS:
            self._asking += 1
        else:
            await self._turn(deadline)
        try:
            answer = self._kept() or await self._made(deadline)
        except BaseException:
            self._next()
            raise
        await answer.ask(head, body, deadline)
        return answer

    def _make_head(self, path: str, *headers: tuple[str, str]) -> bytes:
        """A request's head but for the length of its body, by which most differ in nothing else."""
        if any(_NO_VALUE.search(value) for _, value in headers):
            raise ValueError("A header's value has a line break.")
        return (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nAccept-Encoding: identity\r\n"
            f"User-Agent: {USER_AGENT}\r\n"
            + "".join([f"{name}: {value}\r\n" for name, value in headers])
        ).encode("latin-1")

    async def _turn(self, deadline: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """An exchange has ended: whoever waits for a turn has its place."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._asking -= 1

    def _kept(self) -> Answer | None:
        while self._idle:
            answer = self._idle.pop()
            if answer.is_idle():
                return answer
            answer.abort()
        return None

    async def _made(self, deadline: float) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + CONNECT_TIMEOUT)):
                connected = await self._connected(loop)
        except TimeoutError as error:  # it hasn't been asked, so it isn't slow to answer
            raise ConnectionError("the container doesn't accept a connection") from error
        self._sockets.add(connected)
        if not self._is_there():
            connected.close()
            raise ConnectionError("the container has ended")
        connected.setblocking(False)
        _, answer = await loop.create_connection(lambda: Answer(self, connected), sock=connected)
        return answer

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        if self._connect is not None:
            return await loop.run_in_executor(None, self._connect)
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        connected = socket.socket(family, socket.SOCK_STREAM)
        try:
            connected.setblocking(False)
            await loop.sock_connect(connected, self._address)
        except BaseException:
            connected.close()
            raise
        return connected

    def end(self, answer: Answer, *, keep: bool) -> None:
        """After an exchange: `keep` its connection for another one."""
        self._next()
        if keep and not self._closed and len(self._idle) < CONNECTIONS:
            self._idle.append(answer)
        else:
            answer.abort()

    def forget(self, answer: Answer) -> None:
        with contextlib.suppress(ValueError):
            self._idle.remove(answer)

    def close(self) -> None:
        """Close the connections that are idle; the others close after their exchange.

        From any thread; they are closed when it returns, unless that is the loop's own.
        """
        self._closed = True
        self.rest()

    def rest(self) -> None:
        """Close the connections that are idle, as `close` does; later ones are kept again."""
        if self._loop is None or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError, TimeoutError):  # it has just been closed, or hangs
            closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
            if self._loop is not _running():
                closing.result(CONNECT_TIMEOUT)

    async def _close(self) -> None:
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # in which their sockets are closed


class Answer(asyncio.Protocol):
    """A container's answer, from its head on; and the connection that it comes by.

    A connection has one after another: what is said of an answer holds until it is closed.
    """

    def __init__(self, pool: Pool, connected: socket.socket) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._is_asked = False  # there is an exchange
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._known: tuple[bytes, int, dict[str, str]] | None = None
        """The head of an answer that came whole at once, the bytes of that, and its headers."""
        self._pieces: deque[bytes] = deque()
        self._woken: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._headers: dict[str, str] = {}
        self._head_size = self._size = 0
        self._has_begun = self._has_ended = self._is_paused = self._keep = False
        self._error: Exception | None = None
        self.status = 0

    async def ask(self, head: bytes, body: bytes, deadline: float) -> None:
        """Send that, and wait for the head of the answer. Raises as `read` does."""
        self._reset()
        self._is_asked, self._deadline = True, deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer()
        try:
            if len(body) <= BUFFERED:
                self._transport.write(head + body)
            else:
                self._transport.write(head)
                self._transport.write(body)
            while not self._has_begun:
                if self._error is not None:
                    raise self._error  # noqa: TRY301
                self._woken = self._loop.create_future()
                await self._woken
        except BaseException:
            self.close()
            raise

    def _set_timer(self) -> None:
        """Set it for this exchange; those that end in time, as most do, leave it to the next."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if not self._is_asked:
            return
        if self._deadline > self._loop.time():
            self._set_timer()
        else:
            self._fail(TimeoutError("timed out"))

    def header(self, name: str) -> str | None:
        """A header's value, by its name in lower case; of several, all, with commas."""
        return self._headers.get(name)

    def whole(self) -> bytes | None:
        """The body, if all of it has come already, and at once."""
        if not self._has_ended or len(self._pieces) != 1:
            return None
        return self._pieces[0]

    async def read(self) -> bytes:
        """What comes next of the body, none at its end.

        Raises:
            TimeoutError: its end hasn't come in time.
            OSError: the container broke off.
        """
        while not self._pieces:
            if self._has_ended:
                return b""
            if self._error is not None:
                raise self._error
            self._woken = self._loop.create_future()
            await self._woken
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._is_paused and self._size <= BUFFERED // 2 and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()
        return piece

    def close(self) -> None:
        """Give the connection back, for the next exchange if this one went to its end."""
        if not self._is_asked:
            return
        self._is_asked = False
        self._pieces.clear()
        keep = self._has_ended and self._keep and not self._transport.is_closing()
        # What it hasn't read of the request would be the beginning of the next one.
        self._pool.end(self, keep=keep and not self._transport.get_write_buffer_size())

    def is_idle(self) -> bool:
        """Whether the container hasn't closed the connection, nor said anything unasked."""
        return not self._transport.is_closing() and not self._poll.poll(0)

    def abort(self) -> None:
        """Close the connection."""
        self._transport.abort()

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._keep = False  # even if it is whole, and something else came after it
        if not self._has_ended and self._error is None:
            self._error = error
            self._wake()

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._is_asked:  # it speaks unasked
            self._pool.forget(self)
            self.abort()
        elif self._error is None:
            is_first = not self._head_size
            if not (is_first and self._is_known(data)):
                self._feed(data)
                if is_first and self._has_ended:
                    self._remember(data)
            self._wake()

    def _is_known(self, data: bytes) -> bool:
        """Whether that is a whole answer with the head of an earlier one; if so, it is read."""
        if self._known is None or self._has_ended:
            return False
        head, size, headers = self._known
        if len(data) != size or not data.startswith(head):
            return False
        self._headers, self.status, self._head_size = headers, 200, len(head)
        self._has_begun = self._has_ended = self._keep = True
        if len(head) < size:
            self.on_body(data[len(head) :])
        return True

    def _remember(self, data: bytes) -> None:
        """What came is an answer from its beginning: the next may have the same head."""
        size, length = data.find(b"\r\n\r\n") + 4, self._headers.get("content-length", "")
        is_whole = length.isdecimal() and size + int(length) == len(data)
        if is_whole and self.status == 200 and self._keep and self._error is None:
            self._known = data[:size], len(data), self._headers

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(MalformedError("it changes to another protocol"))
        except httptools.HttpParserCallbackError as error:
            self._fail(cast("Exception", error.__context__ or error))
        except httptools.HttpParserError as error:
            self._fail(MalformedError(str(error)))

    def eof_received(self) -> bool:
        self._end("it closed the connection")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end(str(error or "it closed the connection"), is_failure=error is not None)
        self._pool.forget(self)
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, how: str, *, is_failure: bool = False) -> None:
        """Nothing more will come, which is the end of an answer that has no other."""
        has_no_other = self._headers.keys().isdisjoint(("content-length", "transfer-encoding"))
        if self._has_begun and has_no_other and not is_failure:
            self._has_ended = True
            self._wake()
        self._fail(ConnectionAbortedError(f"the container broke off: {how}"))

    # What the parser says

    def on_message_begin(self) -> None:
        if self._has_ended:
            raise MalformedError("there is more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise MalformedError("its head is too long")
        if self._has_begun:
            return  # a trailer
        key, text = header_name(name), value.decode("latin-1").rstrip(" \t")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if not 100 <= self.status <= 999:
            raise MalformedError(f"its status is {self.status:03}")
        if self.status >= 200:
            self._has_begun = True
            self._keep = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > BUFFERED and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._has_begun:
            self._has_ended = True
        else:  # 100 Continue, or another that is only the first
            self._headers.clear()


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
