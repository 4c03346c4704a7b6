"""HTTP/1.1 with a container: one exchange after another, over connections that are kept.

The usual answer, whose head is plain and says how long it is, is read here in microseconds;
whatever else HTTP allows is left to the standard library.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import select
import socket
import struct
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.local.protocol.messages import Upload

CONNECT_TIMEOUT = 5.0
"""Seconds within which a container must accept a connection."""

CONNECTIONS = 128
"""Connections kept open to one container."""

CHUNK = 65_536

USER_AGENT = "AHC/2.0"  # SageMaker's, which containers' access logs show

# A head that all parsers read alike: no folded lines, no spaces around names, no bare CR or LF.
_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [^\r\n\0]*)?\r\n((?:[\w.-]+:[^\r\n\0]*\r\n)*)\r\n")
_END = re.compile(rb"\n\r?\n")  # of a head
_NO_VALUE = re.compile(r"[\r\n\0]")
_LINE_BREAK = re.compile(r"[\r\n\0]+[ \t]*")
_BODILESS = (204, 304)


def set_timeout(
    blocking: socket.socket, receive: float | None = None, send: float | None = None
) -> None:
    """How many seconds a blocking socket's calls wait, before they raise `BlockingIOError`."""
    for option, seconds in ((socket.SO_RCVTIMEO, receive), (socket.SO_SNDTIMEO, send)):
        if seconds is not None:
            whole = int(seconds)
            timeval = struct.pack("ll", whole, int(1e6 * (seconds - whole)))
            blocking.setsockopt(socket.SOL_SOCKET, option, timeval)


class Answer(Protocol):
    """A container's answer, from its head on."""

    status: int
    length: int | None
    """Bytes of the body, where the container said so."""

    def header(self, name: str) -> str | None:
        """A header's value, by its name in lower case; of several, all, with commas."""

    def read1(self) -> bytes:
        """What comes next of the body, none at its end.

        Raises:
            TimeoutError: nothing came for too long.
            OSError, http.client.HTTPException: the container broke off.
        """

    def close(self) -> None:
        """Give the connection back, for the next exchange if this one went to its end."""


class Pool:
    """Connections to one container, each made when none is idle.

    `is_there` is asked when a connection has been made, before anything is sent: whether the
    address is still the container's.
    """

    def __init__(self, host: str, port: int, is_there: Callable[[], bool]) -> None:
        self._address = (host, port)
        self._host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._is_there = is_there
        self._idle: list[Connection] = []
        self._closed = False

    def send(
        self, path: str, headers: Mapping[str, str], body: bytes | Upload, timeout: float
    ) -> Connection:
        """POST a body; `answer()` of what is returned reads the answer.

        timeout: seconds without a byte in either direction, from here to the answer's end.

        Raises:
            TimeoutError: the container doesn't take the request.
            OSError: the container broke off; or what the iteration of `body` raises.
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
        connection = self._take()
        try:
            connection.send(head, body, timeout)
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self) -> Connection:
        with contextlib.suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if connection.is_idle():
                    return connection
                connection.close()
        connection = Connection(self, self._address)
        if not self._is_there():
            connection.close()
            raise ConnectionError("the container has ended")
        return connection

    def give(self, connection: Connection) -> None:
        if len(self._idle) < CONNECTIONS:
            self._idle.append(connection)
            if not self._closed:
                return
            with contextlib.suppress(ValueError):  # `close` may have had it
                self._idle.remove(connection)
        connection.close()

    def close(self) -> None:
        """Close the connections that are idle; the others close when they would come back."""
        self._closed = True
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()


class Connection:
    """A connection to a container, for one exchange at a time."""

    def __init__(self, pool: Pool, address: tuple[str, int]) -> None:
        self._pool = pool
        try:
            self.socket = socket.create_connection(address, CONNECT_TIMEOUT)
        except TimeoutError as error:  # it hasn't been asked, so it isn't slow to answer
            raise ConnectionError("the container doesn't accept a connection") from error
        self.socket.settimeout(None)  # the kernel times it, in half as many calls as Python
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)
        self._keep = True
        self._timeout = 0.0

    def is_idle(self) -> bool:
        """Whether the container hasn't closed it, nor said anything unasked."""
        return not self._poll.poll(0)

    def send(self, head: bytes, body: bytes | Upload, timeout: float) -> None:
        if timeout != self._timeout:
            set_timeout(self.socket, timeout, timeout)
            self._timeout = timeout
        if isinstance(body, bytes):
            self._send(head + body)
            return
        self._send(head)
        for piece in body:
            if not self._send(piece):
                break

    def _send(self, data: bytes) -> bool:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self._keep = False  # it may have refused to read on, and said why
        except BlockingIOError as error:
            raise TimeoutError("timed out") from error
        return self._keep

    def answer(self) -> Answer:
        """The answer to what was sent, once its head is there. Raises as `Answer.read1` does."""
        try:
            data = self.receive()
            while not _END.search(data) and len(data) < CHUNK and (more := self.receive()):
                data += more
            return _plain(self, data) or _Any(self, data)
        except BaseException:
            self.close()
            raise

    def receive(self, limit: int = CHUNK) -> bytes:
        try:
            return self.socket.recv(limit)
        except BlockingIOError as error:
            raise TimeoutError("timed out") from error

    def end(self, *, keep: bool) -> None:
        """After an exchange: `keep` the connection for another one, if it is good for that."""
        if keep and self._keep:
            self._pool.give(self)
        else:
            self.close()

    def close(self) -> None:
        self.socket.close()


def _plain(connection: Connection, data: bytes) -> _Plain | None:
    """The answer that begins so, if it is a usual one."""
    match = _HEAD.match(data)
    if match is None:
        return None
    headers: dict[str, str] = {}
    for line in match[2].decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in headers:
            return None
        headers[name] = value.strip(" \t")
    length = headers.get("content-length", "")
    status = int(match[1])
    if not (length.isascii() and length.isdigit()) or len(length) > 18:
        return None
    if "transfer-encoding" in headers or status in _BODILESS:
        return None
    return _Plain(connection, status, headers, data[match.end() :], int(length))


class _Plain:
    """An answer that says how long it is."""

    def __init__(
        self, connection: Connection, status: int, headers: dict[str, str], rest: bytes, length: int
    ) -> None:
        self._connection = connection
        self._headers = headers
        self._rest = rest[:length]
        self._left = length
        keep = headers.get("connection", "keep-alive").lower() == "keep-alive"
        self._keep = keep and len(rest) <= length  # not what sends more than it has announced
        self._closed = False
        self.status = status
        self.length: int | None = length

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    def read1(self) -> bytes:
        if self._left == 0:
            return b""
        piece = self._rest or self._connection.receive(min(self._left, CHUNK))
        if not piece:
            raise http.client.IncompleteRead(b"", self._left)
        self._rest = b""
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._connection.end(keep=self._keep and self._left == 0)


class _Any:
    """Any other answer: in chunks, to the connection's end, of HTTP/1.0, after a 100, …"""

    def __init__(self, connection: Connection, data: bytes) -> None:
        self._connection = connection
        self._raw = _Replay(connection, data)
        self._file = _KeptReader(self._raw)
        response = http.client.HTTPResponse(cast("socket.socket", self), method="POST")
        response.begin()
        if len(set(response.headers.get_all("Content-Length", []))) > 1:
            raise http.client.HTTPException("several lengths")
        self._response = response
        self._ended = self._closed = False
        self.status = response.status
        self.length = response.length

    def makefile(self, _mode: str) -> Any:
        """What a response reads from, as a socket's."""
        return self._file

    def header(self, name: str) -> str | None:
        values = self._response.headers.get_all(name)
        return None if values is None else _LINE_BREAK.sub(" ", ", ".join(values)).strip(" \t")

    def read1(self) -> bytes:
        piece = self._response.read1(CHUNK)
        if not piece:
            if self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)
            self._ended = True
        return piece

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        headers = self._response.headers
        keep = self._ended and not self._response.will_close
        if "Content-Length" in headers and "Transfer-Encoding" in headers:
            keep = False  # where the answer ends is a matter of opinion
        self._raw.ended = True
        self._connection.end(keep=keep and not self._file.peek(1))


class _Replay(io.RawIOBase):
    """What was received already, and then the rest."""

    def __init__(self, connection: Connection, data: bytes) -> None:
        self._connection = connection
        self._data = data
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data and not self.ended:
            self._data = self._connection.receive(len(buffer))
        piece, self._data = self._data[: len(buffer)], self._data[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _KeptReader(io.BufferedReader):
    """Tells, after the answer, whether more has come than that."""

    def close(self) -> None:
        pass
