"""A request as WSGI hands it on, its response, and what is left of a body that was refused."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from harness.local.protocol.messages import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from harness.local.protocol.messages import Response

DRAIN_LIMIT = 256 * 1024 * 1024
"""Bytes of a refused body that are read and thrown away. A client that still sends sees the
answer only after that; past the limit it sees the connection closed."""


def read(environ: WSGIEnvironment) -> Request:
    """The request, whose body is still to be read."""
    path, _, query = environ["REQUEST_URI"].partition("?")
    headers = environ["harness.headers"]
    known = "transfer-encoding" not in headers
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers=headers,
        stream=environ["wsgi.input"],
        length=int(headers.get("content-length", 0)) if known else None,
    )


def send(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with it, as a WSGI application does."""
    status = f"{response.status} {response.reason}"
    headers = list(response.headers.items())
    if not isinstance(response.body, bytes):
        start_response(status, headers)
        return response.body
    headers.append(("Content-Length", str(len(response.body))))
    start_response(status, headers)
    return [response.body]


def drain(stream: IO[bytes]) -> None:
    """Read what nobody wants, so that the client comes to read its answer."""
    left = DRAIN_LIMIT
    while left > 0 and (piece := stream.read(64 * 1024)):
        left -= len(piece)
