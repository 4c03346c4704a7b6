"""HTTP of one connection: bytes to requests, and answers to bytes.

httptools reads what comes; it is llhttp, the parser of Node.js, which takes nothing that could be
read in two ways: two lengths, a length beside chunks, a chunk that is longer than it says, line
ends that aren't CR and LF.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from collections import deque
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import unquote_to_bytes, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

logger = logging.getLogger("serving")

# The most that batch transform sends (MaxPayloadInMB); an endpoint's limit is far below.
MAX_BODY = 100 * 1024 * 1024  # bytes

# Bytes in a row that are no body: of a head, of trailers, of what may stand beside a chunk's size.
MAX_HEAD = 64 * 1024

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PLAIN = "text/plain; charset=utf-8"
_FAULT = b"The model could not answer this request; the container's log says why."


class Request(NamedTuple):
    """What is asked, and how its answer is sent."""

    environ: dict[str, Any]  # WSGI's
    size: int  # bytes of the body
    version: str
    keep_alive: bool


class Answer(NamedTuple):
    """Bytes to send; `last`: the connection is closed behind them."""

    parts: list[bytes]
    last: bool


class Connection:
    """What is known of a connection. The methods named `on_…` are httptools's callbacks."""

    __slots__ = (
        "_body", "_environ", "_expects", "_parser", "_quiet", "_size", "_url",
        "busy", "closed", "deadline", "fd", "held", "last", "lingers", "out", "reading", "refusal",
        "requests", "socket", "unsent", "watched",
    )  # fmt: skip

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.requests: deque[Request] = deque()  # whole ones, unanswered
        self.refusal: Answer | None = None  # to be sent after their answers
        self.reading = False  # a request has begun and is not whole
        self.busy = False  # one is being answered
        self.closed = False
        self.lingers = False  # nothing more is sent, and what comes is dropped
        self.watched = True  # it is polled
        self.out: list[bytes] = []  # answers that are sent in a moment
        self.unsent: memoryview | None = None  # what the client didn't take of them at once
        self.last = False  # it is closed when that is sent
        self.held = 0  # bytes kept of a body or an answer
        self.deadline: float | None = None
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._quiet = 0  # bytes that came since any of a body did
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._environ: dict[str, Any] = {}
        self._body: bytes | bytearray = b""
        self._size = 0
        self._expects = False

    def close(self) -> None:
        self.closed = True
        self.requests.clear()
        self.out.clear()
        self._parser = None  # which refers to this one
        self.socket.close()

    def receive(self, data: bytes) -> None:
        """Read what the client sent; `requests` and `refusal` have what came of it."""
        if self._parser is None or self.refusal is not None:
            return
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            # To stay with HTTP/1.1 is to answer as if nothing had been said of another protocol.
            # But this parser takes what follows for the other protocol's.
            if "CONTENT_LENGTH" in self._environ or "HTTP_TRANSFER_ENCODING" in self._environ:
                self.requests.clear()
                self.refuse(HTTPStatus.BAD_REQUEST, "This server knows no protocol to upgrade to.")
            else:
                self.requests[-1] = self.requests[-1]._replace(keep_alive=False)
        except HttpParserError as error:
            if self.refusal is None:
                self.refuse(HTTPStatus.BAD_REQUEST, f"This is not a request of HTTP/1.1: {error}.")
        else:
            if self._quiet > MAX_HEAD:
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.refuse(status, f"The request's headers have more than {MAX_HEAD} bytes.")

    def ended(self) -> None:
        """The client sends nothing more."""
        if self.reading and self.refusal is None:
            came = f"after {len(self._body)} bytes of its body" if self._body else "in its headers"
            self.refuse(HTTPStatus.BAD_REQUEST, f"The request ended {came}.")

    def refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Have it closed, with this answer; what had come of the request is dropped."""
        logger.warning("%d %s", status, sentence)
        self.refusal = Answer(_message(status, [("Content-Type", _PLAIN)], sentence.encode()), True)
        self._begin()

    @property
    def size(self) -> int:
        """Bytes of the body that is being read."""
        return len(self._body)

    # In the order in which they are called.

    def on_message_begin(self) -> None:
        self.reading = True
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._size:  # a trailer
            return
        key, text = _key(name), value.decode("latin-1")
        environ = self._environ
        environ[key] = f"{environ[key]},{text}" if key in environ else text

    def on_headers_complete(self) -> None:
        self._quiet = 0
        environ = self._environ
        assert self._parser is not None  # noqa: S101  (it calls)
        if self._parser.get_http_version() not in ("1.0", "1.1"):
            self._refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1.")
        coding = environ.get("HTTP_TRANSFER_ENCODING", "chunked")
        if coding.lower() != "chunked":
            text = f"This server reads bodies in chunks, not as {coding[:100]!r}."
            self._refused(HTTPStatus.NOT_IMPLEMENTED, text)
        length = environ.get("CONTENT_LENGTH")
        if length is not None and int(length) > MAX_BODY:
            text = f"The body has {length} bytes; at most {MAX_BODY} are read."
            self._refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        self._expects = environ.get("HTTP_EXPECT", "").lower() == "100-continue"

    def on_body(self, data: bytes) -> None:
        self._quiet = 0
        self._size += len(data)
        if self._size > MAX_BODY:
            text = f"The body has more than {MAX_BODY} bytes."
            self._refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        if not self._body:
            self._body = data
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body)
            self._body += data
        else:
            self._body += data

    def on_message_complete(self) -> None:
        self.reading = False
        self._quiet = 0
        parser, environ = self._parser, self._environ
        assert parser is not None  # noqa: S101  (it calls)
        path, query = _target(self._url)
        environ["REQUEST_METHOD"] = parser.get_method().decode("ascii")
        environ["PATH_INFO"] = path
        environ["QUERY_STRING"] = query
        environ["wsgi.input"] = io.BytesIO(bytes(self._body))
        environ["wsgi.errors"] = sys.stderr
        environ["wsgi.url_scheme"] = "http"
        if "HTTP_TRANSFER_ENCODING" in environ:  # its body is whole by now
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(self._size)
        self.requests.append(
            Request(environ, self._size, parser.get_http_version(), parser.should_keep_alive())
        )
        self._body = b""

    def _refused(self, status: HTTPStatus, sentence: str) -> NoReturn:
        """Stops the parser."""
        self.refuse(status, sentence)
        raise ValueError(sentence)

    def go_on(self) -> bytes:
        """What a client that waits to be asked for its body (RFC 9110, 10.1.1) is told, once."""
        asks = self._expects and self.reading and not self._size
        self._expects = False
        return _CONTINUE if asks else b""


@lru_cache(maxsize=256)
def _key(name: bytes) -> str:
    """A header's name as WSGI has it."""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + key


@lru_cache(maxsize=64)
def _target(url: bytes) -> tuple[str, str]:
    """Path and query."""
    text = url.decode("latin-1")
    if not text.startswith("/"):
        try:
            parts = urlsplit(text)
        except ValueError:
            return text, ""
        path, query = parts.path, parts.query
    else:
        path, _, query = text.partition("?")
    return unquote_to_bytes(path).decode("latin-1"), query


def respond(app: Wsgi, request: Request, *, last: bool) -> Answer:
    """What the app answers. Whatever it raises is a status of 500.

    `last`: the connection is to be closed behind it.
    """
    try:
        return _respond(app, request, last=last or not request.keep_alive)
    except BaseException:
        logger.exception("500 %s", request.environ.get("PATH_INFO"))
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return Answer(_message(status, [("Content-Type", _PLAIN)], _FAULT), True)


def _respond(app: Wsgi, request: Request, *, last: bool) -> Answer:
    said: list[Any] = []
    body = app(request.environ, lambda status, headers: said.append((status, headers)))
    ((status, headers),) = said
    if last:
        headers.append(("Connection", "close"))
    elif request.version == "1.0":
        headers.append(("Connection", "keep-alive"))
    return Answer(_message(status, headers, *body, head=_is_head(request)), last)


def _is_head(request: Request) -> bool:
    return bool(request.environ["REQUEST_METHOD"] == "HEAD")


def _message(
    status: str | HTTPStatus, headers: list[tuple[str, str]], *body: bytes, head: bool = False
) -> list[bytes]:
    """An answer's bytes; `head`: without its body.

    Raises:
        ValueError: a header has what none can have.
    """
    if isinstance(status, HTTPStatus):
        headers = [*headers, ("Connection", "close")]
        status = f"{status.value} {status.phrase}"
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError(f"a header of the answer has a line end: {headers}")
    length = sum(map(len, body))
    text = f"HTTP/1.1 {status}\r\n{lines}Date: {_date(int(time.time()))}\r\n"
    top = f"{text}Content-Length: {length}\r\n\r\n".encode("latin-1")
    return [top] if head else [top, *body]


@lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
