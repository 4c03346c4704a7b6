"""The engine's `/containers/{id}/archive`, called through its Unix socket.

docker-py calls it, too. But of what goes in it would read each byte first, and copy it twice; and
what comes out takes it a minute for each GB, and http.client five seconds.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.local.engine.streams.pieces import Piece

PIECE = 1 << 20
"""Bytes that are read at once, if so many are there."""

GATHERED = 1 << 16
"""Bytes up to which what is small is sent together."""


class Answer:
    """What the engine answers to `get`, to be read once, and closed."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        """Waits for its head."""
        self._connection = connection
        self._response = connection.getresponse()
        self.status = self._response.status

    def __iter__(self) -> Iterator[bytes]:
        """The bytes as they come. Raises `OSError` if the connection is lost."""
        try:
            while piece := self._response.read1(PIECE):
                yield piece
        except http.client.HTTPException as error:
            raise _not_http(error) from error

    @property
    def message(self) -> str:
        """What it says of an error."""
        return _message(b"".join(self))

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def get(path: str, url: str, timeout: float) -> Answer:
    """Ask the engine that listens at `path`. `timeout`: seconds that it may say nothing.

    Raises `OSError` if the connection is lost.
    """
    connection = _connection(path, timeout)
    try:
        connection.request("GET", url)
        return Answer(connection)
    except http.client.HTTPException as error:
        connection.close()
        raise _not_http(error) from error
    except BaseException:
        connection.close()
        raise


def put(path: str, url: str, stream: Iterable[Piece], timeout: float) -> tuple[int, str]:
    """Send a tar to the engine that listens at `path`; returns its status, and what it says.

    `timeout`: seconds that it may take to take some of it, and in the end to answer. Raises
    `OSError` if the connection is lost, and what reading the stream does.
    """
    connection = _connection(path, timeout)
    try:
        connection.putrequest("PUT", url)
        connection.putheader("Content-Type", "application/x-tar")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        for piece in _gathered(stream):
            try:
                _send(connection.sock, piece)
            except (BrokenPipeError, ConnectionResetError):
                break  # it has answered, and wants no more
        else:
            connection.sock.sendall(b"0\r\n\r\n")
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, _message(body) if answer.status >= 400 else ""
    except http.client.HTTPException as error:
        raise _not_http(error) from error
    finally:
        connection.close()


def _connection(path: str, timeout: float) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(timeout)
        connection.sock.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _not_http(error: http.client.HTTPException) -> ConnectionError:
    return ConnectionError(f"the engine's answer is not HTTP: {error}")


def _gathered(stream: Iterable[Piece]) -> Iterator[Piece]:
    """The same bytes, small pieces that follow each other as one."""
    small = bytearray()
    for piece in stream:
        if isinstance(piece, bytes) and len(piece) < GATHERED:
            small += piece
            if len(small) < GATHERED:
                continue
            piece = b""
        if small:
            yield bytes(small)
            small.clear()
        if piece:
            yield piece
    if small:
        yield bytes(small)


def _send(connection: socket.socket, piece: Piece) -> None:
    """Send it as one chunk of a body whose length isn't known."""
    connection.sendall(b"%x\r\n" % len(piece))
    if isinstance(piece, bytes):
        # Not all at once: the limit is one on each of the engine's pauses.
        for at in range(0, len(piece), GATHERED):
            connection.sendall(piece[at : at + GATHERED])
    else:
        piece.send(connection)
    connection.sendall(b"\r\n")


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")
