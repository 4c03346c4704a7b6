"""Reading requests: llhttp, Node's parser, and what it leaves to those who use it.

It is strict: a request that two parsers might read in two ways is refused with 400. Here heads get
a bound, a body no other coding than chunks, and an offer of another protocol is passed over.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from harness.aws_model import endpoints
from harness.local.http.incoming import Incoming
from harness.local.http.limits import MAX_HEAD, MAX_HEADERS, MAX_URI
from harness.local.protocol.messages import Request, Response, header_name


class Refused(Exception):  # noqa: N818  # an answer, not a fault
    """Of a request that can't be read any further: what it is answered."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.response = Response(status, {"Content-Type": "text/plain"}, f"{words}\n".encode())


class Reader(asyncio.Protocol):
    """The half of a connection that reads requests; the other is told of each, and of its body.

    What it is told by are the parser's own calls: `on_body`, `on_message_complete`.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = False
        """Whether the first byte of a request is there, and its head isn't."""
        self._replays = False
        self._uri = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._unparsed = 0
        self._incoming: Incoming | None = None
        """The request whose body is being read."""

    def _begin_head(self) -> None:
        self._in_head = True
        self._uri = b""
        self._fields = []
        self._unparsed = 0

    def _begin(self, incoming: Incoming, request: Request) -> None:
        """A request's head is there. Raises `Refused`."""
        raise NotImplementedError

    def _feed(self, data: bytes) -> None:
        """Read what has come.

        Raises:
            Refused: the request can't be read any further.
            Exception: whatever those raise who are told of it.
        """
        was_in_head = self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._pass_over(data[int(upgrade.args[0]) :])
        except httptools.HttpParserCallbackError as error:
            raise (error.__context__ or error) from None
        except httptools.HttpParserError as error:
            raise Refused(400, f"This is not a valid HTTP request: {error}.") from error
        if was_in_head and self._in_head:  # with nothing else in between
            self._unparsed += len(data)
            if self._unparsed > MAX_HEAD:
                raise Refused(431, "The request's head is too long.")

    def _pass_over(self, rest: bytes) -> None:
        """Read on as if no other protocol had been offered: the parser would leave the body out."""
        request = cast("Request", cast("Incoming", self._incoming).request)
        length = request.length
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self._parser, self._replays = httptools.HttpRequestParser(self), True
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())
        self._feed(rest)

    def on_message_begin(self) -> None:
        if not self._in_head and not self._replays:
            self._begin_head()

    def on_url(self, part: bytes) -> None:
        self._uri += part
        if len(self._uri) > MAX_URI:
            raise Refused(414, "The request's target is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # and not a trailer, of which none is known
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._replays:
            self._replays = False
            return
        was_reset = not self._in_head
        self._in_head = False
        if was_reset:
            raise Refused(400, "A request begins in the middle of another one.")
        headers = self._headers()
        request, version = self._request(headers)
        incoming = Incoming(request, version, keep=self._parser.should_keep_alive())
        self._begin(incoming, request)
        self._incoming = incoming

    def _headers(self) -> dict[str, str]:
        fields = self._fields
        if len(fields) > MAX_HEADERS:
            raise Refused(431, "The request has too many headers.")
        headers: dict[str, str] = {}
        size = 0
        for name, value in fields:
            size += len(name) + len(value)
            key, text = header_name(name), value.decode("latin-1").rstrip(" \t")
            if key in headers:
                if key == "host":
                    raise Refused(400, "The request has two Host headers.")
                text = f"{headers[key]}, {text}"
            headers[key] = text
        if size > MAX_HEAD:
            raise Refused(431, "The request's head is too long.")
        return headers

    def _request(self, headers: dict[str, str]) -> tuple[Request, str]:
        method = self._parser.get_method().decode("ascii")
        version = self._parser.get_http_version()
        length: int | None = int(headers.get("content-length", 0))
        if version != "1.1":
            if version != "1.0":
                raise Refused(505, f"There is no HTTP/{version} here, but HTTP/1.1.")
        elif "host" not in headers:
            raise Refused(400, "The request has no Host header.")
        if (coding := headers.get("transfer-encoding")) is not None:
            if coding.lower().rpartition(",")[2].strip() != "chunked":
                raise Refused(400, "Where the request's body ends isn't said.")
            if coding.lower() != "chunked" or version == "1.0":
                raise Refused(501, "A body may come in chunks, and in no other coding.")
            length = None
        if method == "CONNECT":
            raise Refused(501, "This is no proxy.")
        path, _, query = _target(self._uri).partition("?")
        return Request(method, endpoints.on_path(path), query, headers, length=length), version


def _target(uri: bytes) -> str:
    """The path and query of a request's target, of which the form with a host is another one."""
    text = uri.decode("ascii")
    if "#" in text:
        raise Refused(400, "A request's target has no fragment.")
    if text[0] == "/" or text == "*":
        return text
    rest = text.partition("://")[2]
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"
