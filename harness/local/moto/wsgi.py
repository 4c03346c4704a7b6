"""A request to a WSGI application, and its response."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from harness.local.protocol.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication

    from harness.local.protocol.messages import Request

SHORT = 256 * 1024
"""Bytes of a response that is made at once. A longer one is made while it is sent."""


def respond(application: WSGIApplication, request: Request, environ: Mapping[str, Any]) -> Response:
    """What the application answers; `environ` is what it is to be told besides.

    Raises whatever the application does.
    """
    begun: dict[str, Any] = {}

    def start(
        status: str, headers: list[tuple[str, str]], _: OptExcInfo | None = None
    ) -> Callable[[bytes], object]:
        begun["status"] = int(status.split(" ", 1)[0])
        begun["headers"] = _joined(headers)
        return _no_write

    body = application({**_environ(request), **environ}, start)
    headers = begun["headers"]
    length = next((v for name, v in headers.items() if name.lower() == "content-length"), "")
    pieces = _pieces(body)
    if request.method == "HEAD" or (length.isdigit() and int(length) <= SHORT):
        return Response(begun["status"], headers, b"".join(pieces))
    return Response(begun["status"], headers, pieces)


def _environ(request: Request) -> dict[str, Any]:
    uri = f"{request.path}?{request.query}" if request.query else request.path
    host, _, port = request.headers.get("host", "127.0.0.1").rpartition(":")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "REQUEST_URI": uri,
        "RAW_URI": uri,
        "SERVER_NAME": host or port,
        "SERVER_PORT": port if host and port.isdigit() else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": request.stream,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    if "content-type" in request.headers:
        environ["CONTENT_TYPE"] = request.headers["content-type"]
    if request.length is not None and "content-length" in request.headers:
        environ["CONTENT_LENGTH"] = str(request.length)
    return environ


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _pieces(body: Iterable[bytes]) -> Generator[bytes, None, None]:
    try:
        yield from body
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def _no_write(_: bytes) -> None:
    raise NotImplementedError("write(), which WSGI has for old applications, isn't there.")
