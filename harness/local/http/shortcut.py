"""The short way of an invocation through the server, on which cheroot would spend 0.6 ms.

Most of that goes into parsing HTTP in Python, and into handing the connection from thread to
thread. So the thread that has a connection looks at what waits on it: if that begins with the head
of an invocation as SDKs send them, the request goes to the same `Service` as ever, with nothing in
between, and the thread stays for the next one. Everything else, and all that is unusual, is left
where it is, for cheroot to read. The answers are those that cheroot would send, byte for byte.
"""

from __future__ import annotations

import email.utils
import errno
import functools
import re
import socket
import time
from typing import IO, TYPE_CHECKING, cast

from cheroot.server import HTTPConnection, HTTPRequest

from harness.local.hosting.upstream import set_timeout
from harness.local.protocol.errors import DisconnectedError
from harness.local.protocol.messages import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.faults.faults import Faults
    from harness.local.protocol.messages import Response
    from harness.local.protocol.service import Service

HEAD = 16 * 1024
"""Bytes of a head that is read here. SDKs' have less than 2 KB."""

LINGER = 0.1
"""Seconds that a thread stays with a connection for its next request."""

PIECE = 64 * 1024

LENGTH_DIGITS = 12

# Left to cheroot: they change where a request goes, where it ends, or what comes after it.
_UNUSUAL = frozenset({"expect", "trailer", "transfer-encoding", "upgrade", "x-amz-target"})


class Shortcut:
    """Answers the invocations among the requests of cheroot's connections."""

    def __init__(
        self,
        service: Service,
        is_trusted: Callable[[Request], bool],
        most: int,
        faults: Faults,
    ) -> None:
        """`faults`: where they concern calls, this way is closed to all. `most`: how many threads
        at once may stay with a connection that says nothing.
        """
        self._service = service
        self._is_trusted = is_trusted
        self._most = most
        self._faults = faults
        self._lingering: list[Connection] = []

    @functools.cached_property
    def _head(self) -> re.Pattern[bytes]:
        """Heads that all parsers read alike: no folded lines, nothing but ASCII, no bare CR, …"""
        paths = "|".join(self._service.upload_paths())
        headers = r"(?:[A-Za-z0-9-]+:[\t\x20-\x7e]*\r\n)+"
        return re.compile(rf"POST ({paths}) HTTP/1\.1\r\n({headers})\r\n".encode())

    def stay(self, connection: Connection) -> bool | None:
        """Answer the connection's requests for as long as one follows another.

        Returns whether the connection is to be kept open. None: what waits on it, if anything
        does, isn't for the shortcut, and nothing of it has been read.
        """
        answered = False
        while True:
            try:
                begun = self._peek(connection)
            except BlockingIOError:
                return True if answered else None
            keep = self._answer(connection, begun)
            if not keep or not connection.server.ready:
                return keep
            answered = True

    def _peek(self, connection: Connection) -> bytes:
        """What there is to be read, soon. Raises `BlockingIOError` if there is nothing."""
        client: socket.socket = connection.socket
        threads = connection.server.requests
        if len(self._lingering) >= self._most or (threads.qsize and not threads.idle):
            return client.recv(HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        self._lingering.append(connection)
        try:
            return client.recv(HEAD, socket.MSG_PEEK)
        finally:
            self._lingering.pop()

    def _answer(self, connection: Connection, begun: bytes) -> bool | None:
        """Answer the request that begins so; returns what `stay` does."""
        client: socket.socket = connection.socket
        match = self._head.match(begun)
        if match is None or self._faults.concerns_calls:
            return None
        headers = _headers(match[2].decode("ascii"))
        if headers is None:
            return None
        body = _Body(client, int(headers["content-length"]), connection.server.timeout)
        request = Request(
            "POST", match[1].decode("ascii"), "", headers, cast("IO[bytes]", body), body.left
        )
        if (
            not self._is_trusted(request)
            or self._service.match(request) is None
            or body.left > self._service.max_body
        ):
            return None
        body.skip(match.end(), min(len(begun), match.end() + body.left))
        try:
            response = self._service.respond(request)
            try:
                while body.left:  # what nobody wanted
                    body.read(PIECE)
                _send(client, connection.server.server_name, response)
            finally:
                if not isinstance(response.body, bytes):
                    response.body.close()
        except DisconnectedError as error:
            if "timed out" in error.args:
                HTTPRequest(connection.server, connection).simple_response("408 Request Timeout")
            return False
        except OSError:  # the client is gone; or the container is, too late to say so
            return False
        return True


class Connection(HTTPConnection):
    """A connection whose invocations take its server's shortcut, if that has one."""

    def communicate(self) -> bool:
        """Answer what waits; returns whether the connection is to be kept open."""
        shortcut: Shortcut | None = self.server.shortcut
        if shortcut is not None and not self.rfile.has_data():
            self.socket.settimeout(None)  # the kernel times it, in half as many calls as Python
            set_timeout(self.socket, LINGER, self.server.timeout)
            try:
                keep = shortcut.stay(self)
            except OSError:  # it is broken, which cheroot will see, too
                keep = None
            finally:
                self.socket.settimeout(self.server.timeout)
            if keep is not None:
                return keep
        return bool(super().communicate())  # type: ignore[no-untyped-call]


class _Body:
    """A request's body, as far as it hasn't been read from its connection."""

    def __init__(self, client: socket.socket, length: int, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._begun = b""
        self.left = length

    def skip(self, head: int, size: int) -> None:
        """Read the head, and with it what is there of the body, up to `size` bytes of both."""
        data = self._client.recv(size)
        while len(data) < head:
            data += self._client.recv(head - len(data))
        self._begun = data[head:]

    def _receive(self, size: int) -> bytes:
        set_timeout(self._client, self._timeout)
        try:
            return self._client.recv(size)
        except BlockingIOError as error:
            raise TimeoutError("timed out") from error
        finally:
            set_timeout(self._client, LINGER)

    def read(self, size: int) -> bytes:
        """The next bytes, up to so many; none if the client is gone."""
        if self._begun:
            piece, self._begun = self._begun[:size], self._begun[size:]
        else:
            piece = self._receive(min(size, self.left))
            if not piece:
                raise ConnectionAbortedError(errno.ECONNABORTED, "the request broke off")
        self.left -= len(piece)
        return piece


def _headers(lines: str) -> dict[str, str] | None:
    """The headers by their names in lower case, if there is nothing unusual about them."""
    headers = {}
    count = 0
    for line in lines.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
        count += 1
    del headers[""]
    length = headers.get("content-length", "")
    if (
        len(headers) + 1 < count  # one of them twice
        or not _UNUSUAL.isdisjoint(headers)
        or not length.isdigit()
        or len(length) > LENGTH_DIGITS
        or headers.get("connection", "keep-alive").lower() != "keep-alive"
    ):
        return None
    return headers


def _send(client: socket.socket, server_name: str, response: Response) -> None:
    """Send a response as cheroot does, the head together with what comes first of the body."""
    headers = dict(response.headers)
    body = response.body
    if isinstance(body, bytes):
        headers["Content-Length"] = str(len(body))
        client.sendall(_encode(response, headers, server_name) + body)
        return
    chunked = "Content-Length" not in headers
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    waiting = _encode(response, headers, server_name)
    for piece in body:
        if piece:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
            client.sendall(waiting + framed)
            waiting = b""
    if chunked:
        waiting += b"0\r\n\r\n"
    if waiting:
        client.sendall(waiting)


def _encode(response: Response, headers: dict[str, str], server_name: str) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Date: {_date(int(time.time()))}", f"Server: {server_name}", "\r\n"]
    return "\r\n".join(lines).encode("latin-1")


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)
