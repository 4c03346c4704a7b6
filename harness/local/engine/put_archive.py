"""Files into a container through the engine's Unix socket, from one file to the other.

It is the engine's `PUT /containers/{id}/archive`, as docker-py calls it; but docker-py would read
each byte first, and copy it twice.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.local.engine.pieces import Piece

GATHERED = 1 << 16
"""Bytes up to which what is small is sent together."""


def put(path: str, url: str, stream: Iterable[Piece], timeout: float) -> tuple[int, str]:
    """Send a tar to the engine that listens at `path`; returns its status, and what it says.

    `timeout`: seconds that it may take to take some of it, and in the end to answer. Raises
    `OSError` if the connection is lost, and what reading the stream does.
    """
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(timeout)
        connection.sock.connect(path)
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
        raise ConnectionError(f"the engine's answer is not HTTP: {error}") from error
    finally:
        connection.close()


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
        connection.sendall(piece)
    else:
        piece.send(connection)
    connection.sendall(b"\r\n")


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")
