"""HTTP/1.1 with a container, in the loop: one exchange after another, over connections kept open.

llhttp, Node's parser, reads the answers, strictly.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
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

MAX_HEAD = 64 * 1024
"""Bytes of an answer's head, and of its trailers."""

USER_AGENT = "AHC/2.0"  # SageMaker's, which containers' access logs show

_NO_VALUE = re.compile(r"[\r\n\0]")
_BODILESS = (204, 304)


class MalformedError(ConnectionError):
    """What the container answers is not HTTP; the text says why."""


class Pool:
    """Connections to one container, each made when none is idle. It belongs to the loop using it.

    Args:
        host: the container's address.
        port: the same.
        is_there: asked when a connection has been made, before anything is sent: whether the
            address is still the container's.
        connect: called in a thread, returns a socket that is connected to the container, where
            that is more than to connect to the address.
    """

    def __init__(
        self,
        host: str,
        port: int,
        is_there: Callable[[], bool],
        connect: Callable[[], socket.socket] | None = None,
    ) -> None:
        self._address = (host, port)
        self._host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._is_there = is_there
        self._connect = connect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[Connection] = []
        self._asking = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def ask(self, path: str, headers: Mapping[str, str], body: bytes, limit: float) -> Answer:
        """POST a body; returns at the head of the answer, which must be `close`d.

        limit: seconds from here to the answer's end.

        Raises:
            TimeoutError: that was too short.
            ConnectionError, OSError: the container broke off, or doesn't answer in HTTP.
            ValueError: a header isn't one line.
        """
        if _NO_VALUE.search("".join(headers.values())):
            raise ValueError("A header's value has a line break.")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nAccept-Encoding: identity\r\n"
            f"Content-Length: {len(body)}\r\nUser-Agent: {USER_AGENT}\r\n"
            + "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
            + "\r\n"
        ).encode("latin-1")
        self._loop = loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        if self._asking < CONNECTIONS:
            self._asking += 1
        else:
            await self._turn(deadline)
        try:
            connection = self._kept() or await self._made(deadline)
        except BaseException:
            self._next()
            raise
        return await connection.ask(head, body, deadline)

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

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_idle():
                return connection
            connection.close()
        return None

    async def _made(self, deadline: float) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + CONNECT_TIMEOUT)):
                connected = await self._connected(loop)
        except TimeoutError as error:  # it hasn't been asked, so it isn't slow to answer
            raise ConnectionError("the container doesn't accept a connection") from error
        if not self._is_there():
            connected.close()
            raise ConnectionError("the container has ended")
        connected.setblocking(False)
        _, connection = await loop.create_connection(
            lambda: Connection(self, connected), sock=connected
        )
        return connection

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

    def end(self, connection: Connection, *, keep: bool) -> None:
        """After an exchange: `keep` the connection for another one."""
        self._next()
        if keep and not self._closed and len(self._idle) < CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)

    def close(self) -> None:
        """Close the connections that are idle; the others close after their exchange.

        From any thread; they are closed when it returns, unless that is the loop's own.
        """
        self._closed = True
        if self._loop is None or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError, TimeoutError):  # it has just been closed, or hangs
            closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
            if self._loop is not _running():
                closing.result(CONNECT_TIMEOUT)

    async def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)  # in which their sockets are closed


class Connection(asyncio.Protocol):
    """A connection to a container, for one exchange at a time."""

    def __init__(self, pool: Pool, connected: socket.socket) -> None:
        self._pool = pool
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self._transport: asyncio.Transport
        self._answer: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def is_idle(self) -> bool:
        """Whether the container hasn't closed it, nor said anything unasked."""
        return not self._transport.is_closing() and not self._poll.poll(0)

    async def ask(self, head: bytes, body: bytes, deadline: float) -> Answer:
        self._answer = answer = Answer(self, deadline)
        try:
            if len(body) <= BUFFERED:
                self._transport.write(head + body)
            else:
                self._transport.write(head)
                self._transport.write(body)
            await answer.begin()
        except BaseException:
            answer.close()
            raise
        return answer

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._pool.forget(self)  # it speaks unasked
            self.close()
        else:
            self._answer.feed(data)

    def eof_received(self) -> bool:
        if self._answer is not None:
            self._answer.end()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None:
            self._answer.end(error)
        else:
            self._pool.forget(self)

    def end(self, *, keep: bool) -> None:
        self._answer = None
        keep = keep and not self._transport.is_closing()
        # What it hasn't read of the request would be the beginning of the next one.
        self._pool.end(self, keep=keep and not self._transport.get_write_buffer_size())

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        self._transport.abort()


class Answer:
    """A container's answer, from its head on."""

    __slots__ = (
        "_connection", "_error", "_fields_size", "_has_begun", "_has_ended", "_headers",
        "_is_closed", "_is_paused", "_keep", "_loop", "_parser", "_pieces", "_size", "_timer",
        "_woken", "status",
    )  # fmt: skip

    def __init__(self, connection: Connection, deadline: float) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_at(deadline, self._fail, TimeoutError("timed out"))
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._fields_size = 0
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._woken: asyncio.Future[None] | None = None
        self._has_begun = self._has_ended = self._is_paused = self._is_closed = False
        self._keep = False
        self._error: Exception | None = None
        self.status = 0

    def header(self, name: str) -> str | None:
        """A header's value, by its name in lower case; of several, all, with commas."""
        return self._headers.get(name)

    async def begin(self) -> None:
        """Wait for the head. Raises as `read` does."""
        while not self._has_begun:
            await self._wait()

    async def read(self) -> bytes:
        """What comes next of the body, none at its end.

        Raises:
            TimeoutError: its end hasn't come in time.
            OSError: the container broke off.
        """
        while not self._pieces:
            if self._has_ended:
                return b""
            await self._wait()
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._is_paused and self._size <= BUFFERED // 2:
            self._is_paused = False
            self._connection.resume()
        return piece

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._woken = self._loop.create_future()
        await self._woken

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._keep = False  # even if it is whole, and something else came after it
        if not self._has_ended and self._error is None:
            self._error = error
            self._wake()

    def close(self) -> None:
        """Give the connection back, for the next exchange if this one went to its end."""
        if not self._is_closed:
            self._is_closed = True
            self._timer.cancel()
            self._parser = None  # which knows this answer; such a circle is work for the collector
            self._connection.end(keep=self._has_ended and self._keep and self._error is None)

    # Of the connection

    def feed(self, data: bytes) -> None:
        if self._error is not None or self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(MalformedError("it changes to another protocol"))
        except httptools.HttpParserCallbackError as error:
            self._fail(cast("Exception", error.__context__ or error))
        except httptools.HttpParserError as error:
            self._fail(MalformedError(str(error)))
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will come."""
        ends_so = "content-length" not in self._headers and (
            self._headers.get("transfer-encoding") is None
        )
        self._keep = False
        if self._has_begun and ends_so and error is None:
            self._has_ended = True
            self._wake()
        self._fail(ConnectionAbortedError(f"the container broke off: {error or 'it closed'}"))

    # Of the parser

    def on_message_begin(self) -> None:
        if self._has_ended:
            raise MalformedError("there is more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields_size += len(name) + len(value)
        if self._fields_size > MAX_HEAD:
            raise MalformedError("its head is too long")
        if self._has_begun:
            return  # a trailer
        key, text = header_name(name), value.decode("latin-1").rstrip(" \t")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        parser = cast("httptools.HttpResponseParser", self._parser)
        self.status = parser.get_status_code()
        if self.status >= 200:
            self._has_begun = True
            self._keep = parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > BUFFERED and not self._is_paused:
            self._is_paused = True
            self._connection.pause()

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
