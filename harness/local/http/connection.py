"""A client's connection, in the loop: requests come in, and each is answered in its turn.

llhttp, Node's parser, reads the requests, strictly: what two parsers might read in two ways is
refused with 400. A connection takes no thread before a request is there, with its body if that is
of the usual size. Whatever is waited for has a deadline, which the server looks at.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import IO, TYPE_CHECKING, cast

import httptools

from harness.local.http.heads import Framing
from harness.local.http.incoming import Body, Incoming
from harness.local.http.limits import (
    MAX_DROPPED,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_URI,
    PIECE,
    SPOOLED,
)
from harness.local.http.trust import refusal
from harness.local.protocol.errors import DisconnectedError
from harness.local.protocol.messages import Pieces, Request, Response
from harness.local.protocol.responses import too_large

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from harness.local.http.listening import Listener

_log = logging.getLogger(__name__)

NEVER = float("inf")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Refused(Exception):  # noqa: N818  # an answer, not a fault
    """Of a request that can't be read any further."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.response = Response(status, {"Content-Type": "text/plain"}, f"{words}\n".encode())


class _Enough(Exception):  # noqa: N818  # no fault
    """So many requests have been sent before the first was answered that no more are read."""


class Connection(asyncio.Protocol):
    """A connection to an address that the local AWS listens on."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._server = listener.server
        self._loop = listener.server.loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = False  # of a request whose first byte is there
        self._replays = False  # what the parser gets is no head that has come
        self._uri = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._unparsed = 0  # bytes of an unfinished head, as far as they came by themselves
        self._incoming: Incoming | None = None  # whose body is being read
        self._waiting: deque[Incoming] = deque()
        self._answering: Incoming | None = None
        self._task: asyncio.Task[None] | None = None
        self._moved = 0  # bytes of the body since its deadline was set
        self._is_deaf = False  # what comes is thrown away
        self._is_paused = False  # what comes is left to the kernel
        self._has_ended = False  # nothing more will come
        self._is_lost = False
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0
        self._is_accepted: bool | None = None
        self.deadline = NEVER
        """When something must have happened, in the loop's time."""

    # Of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(PIECE)
        self.deadline = self._in(self._server.limits.idle)
        self._listener.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        self._break_off(DisconnectedError("the client is gone"))
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        for each in self._waiting:
            self._release(each)
        self._waiting.clear()
        self._listener.remove(self)

    def eof_received(self) -> bool:
        """The client sends no more; it may still read what it has asked for."""
        self._has_ended = True
        self._break_off(DisconnectedError("the request broke off"))
        if self._is_deaf:
            return False
        self._advance()
        return self._answering is not None

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._in(self._server.limits.stall)

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
        self._await_body()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._incoming is None and not self._in_head:
            self._begin_head()
        started = self._in_head
        try:
            self._feed(data)
        except _Refused as refused:
            self._refuse(refused.response)
        except _Enough:
            self._is_deaf, self._in_head = True, False
        except ConnectionError:
            self._transport.abort()
        else:
            if self._in_head and started:
                self._unparsed += len(data)
                if self._unparsed > MAX_HEAD:
                    self._refuse(_Refused(431, "The request's head is too long.").response)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            raise (error.__context__ or error) from None
        except httptools.HttpParserError as error:
            raise _Refused(400, f"This is not a valid HTTP request: {error}.") from error

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read on as if no other protocol had been offered: the parser would leave the body out."""
        request = cast("Incoming", self._incoming).request
        length = request.length if request else 0
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self._parser, self._replays = httptools.HttpRequestParser(self), True
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())
        self._feed(rest)

    # Of the parser

    def on_message_begin(self) -> None:
        if len(self._waiting) >= MAX_PIPELINED:
            self._waiting[-1].keep = False
            raise _Enough
        if not self._in_head and not self._replays:
            self._begin_head()

    def _begin_head(self) -> None:
        self._in_head = True
        self._uri = b""
        self._headers = {}
        self._head_size = self._unparsed = 0
        if self._answering is None:
            self.deadline = self._in(self._server.limits.head)

    def on_url(self, part: bytes) -> None:
        self._uri += part
        if len(self._uri) > MAX_URI:
            raise _Refused(414, "The request's target is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer, of which none is known
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            raise _Refused(431, "The request's head is too long.")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        if key in self._headers:
            if key == "host":
                raise _Refused(400, "The request has two Host headers.")
            text = f"{self._headers[key]}, {text}"
        self._headers[key] = text
        if len(self._headers) > MAX_HEADERS:
            raise _Refused(431, "The request has too many headers.")

    def on_headers_complete(self) -> None:
        if self._replays:
            self._replays = False
            return
        self._in_head = False
        incoming = self._read_head()
        self._incoming = incoming
        self._waiting.append(incoming)
        self._await_body()

    def _read_head(self) -> Incoming:
        headers, method = self._headers, self._parser.get_method().decode("ascii")
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise _Refused(505, f"There is no HTTP/{version} here, but HTTP/1.1.")
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            raise _Refused(501, "A body may come in chunks, and in no other coding.")
        if method == "CONNECT":
            raise _Refused(501, "This is no proxy.")
        if version == "1.1" and "host" not in headers:
            raise _Refused(400, "The request has no Host header.")
        body = Body()
        path, _, query = _target(self._uri).partition("?")
        length = int(headers.get("content-length", 0)) if coding is None else None
        request = Request(method, path, query, headers, cast("IO[bytes]", body), length)
        incoming = Incoming(request, body, version, keep=self._parser.should_keep_alive())
        self._plan(incoming, request)
        return incoming

    def _plan(self, incoming: Incoming, request: Request) -> None:
        """See who answers it, and whether its body is wanted."""
        plan = self._server.dispatch.plan(request)
        if isinstance(plan, Response):
            incoming.answer = plan
        elif plan is not None:
            incoming.service = plan
            if (request.length or 0) > plan.max_body:
                incoming.answer = too_large(plan.max_body)
        if expected := request.headers.get("expect"):
            if expected.lower() != "100-continue":
                raise _Refused(417, "A client may expect 100-continue, and nothing else.")
            if incoming.answer is not None:
                incoming.keep = False  # it may send its body, or not
            elif incoming.version == "1.1" and self._answering is None and not self._waiting:
                self._transport.write(_CONTINUE)

    def on_body(self, piece: bytes) -> None:
        incoming = cast("Incoming", self._incoming)
        self._moved += len(piece)
        if self._moved >= PIECE:
            self._await_body()
        if incoming.done or incoming.answer is not None:
            incoming.dropped += len(piece)
            if incoming.dropped > MAX_DROPPED:
                raise ConnectionAbortedError("nobody wants all this")
            return
        body = incoming.body
        body.feed(piece)
        if incoming.spooled:
            if body.size > SPOOLED:
                self._pause()
            return
        incoming.held += len(piece)
        if not self._server.hold(self, len(piece)):
            incoming.held -= len(piece)
            raise _Refused(503, "The bodies of too many requests are on their way; try again.")
        if incoming.service is not None:
            if body.size > incoming.service.max_body:
                incoming.answer = too_large(incoming.service.max_body)
                self._release(incoming)
                body.take()
                self._advance()
        elif body.size > SPOOLED:
            incoming.spooled = True
            body.call_when_read(lambda: self._on_read(body))
            self._release(incoming)
            self._advance()

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # it isn't; see `_decline_upgrade`
        incoming = cast("Incoming", self._incoming)
        self._incoming = None
        incoming.complete = True
        incoming.body.end()
        if incoming.done:
            self._rest(incoming)
        else:
            if self._answering is not None:
                self._set_deadline(NEVER)
            self._advance()
        if self._waiting and self._answering is not None:
            self._pause()

    # Of time and memory

    def _in(self, seconds: float) -> float:
        return self._loop.time() + seconds

    def _set_deadline(self, deadline: float) -> None:
        if self._drained is None:  # or else it is that of the response
            self.deadline = deadline

    def _await_body(self) -> None:
        """Set the deadline of what is to come of the body, if there is anything."""
        self._moved = 0
        if self._incoming is not None and not self._is_paused:
            self._set_deadline(self._in(self._server.limits.stall))
        elif self._answering is not None:
            self._set_deadline(NEVER)

    def _pause(self) -> None:
        if not self._is_paused and not self._is_lost:
            self._is_paused = True
            self._transport.pause_reading()
            self._await_body()

    def _resume(self) -> None:
        if self._is_paused and not self._is_lost:
            self._is_paused = False
            self._transport.resume_reading()
            self._await_body()

    def _on_read(self, body: Body) -> None:
        """From a thread: there is room again."""
        if self._is_paused and body.size < SPOOLED // 2:
            self._loop.call_soon_threadsafe(self._resume)

    def _release(self, incoming: Incoming) -> None:
        self._server.held -= incoming.held
        incoming.held = 0

    def _break_off(self, error: DisconnectedError) -> None:
        if self._incoming is not None:
            self._incoming.body.fail(error)
            self._release(self._incoming)

    def holds(self) -> bool:
        """Whether it has a part of a body that nobody is at work on."""
        return self._incoming is not None and self._incoming.held > 0

    def expire(self) -> None:
        """Its deadline has passed."""
        if self._drained is not None:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self._unsent = unsent
                self.deadline = self._in(self._server.limits.stall)
                return
        elif (self._incoming is not None or self._in_head) and not self._is_deaf:
            self._refuse(_Refused(408, "The request has not come in time.").response)
            return
        self._transport.abort()

    def evict(self) -> None:
        """Close it, so that there is room for others."""
        self._break_off(DisconnectedError("the client was too slow"))
        self._transport.abort()

    def stop(self) -> None:
        """Close it once what it is answering is answered."""
        if self._answering is None:
            self._transport.close()
        else:
            self._answering.keep = False

    @property
    def is_answering(self) -> bool:
        return self._answering is not None

    # Of answers

    def _refuse(self, response: Response) -> None:
        """Answer what comes in with that, and hear nothing more."""
        incoming = self._incoming
        self._in_head, self._is_deaf = False, True
        self._incoming = None
        if incoming is None:
            incoming = Incoming(None, Body(), "1.1", keep=False)
            self._waiting.append(incoming)
        self._release(incoming)
        incoming.answer, incoming.keep = response, False
        incoming.body.fail(DisconnectedError("the request is not valid, or not there in time"))
        self._set_deadline(NEVER)
        if incoming.done:
            self._close()
        else:
            self._advance()

    def _advance(self) -> None:
        """Begin to answer the next request, if it is there."""
        if self._answering is not None:
            return
        if self._waiting and self._waiting[0].ready:
            self._answering = self._waiting.popleft()
            self._listener.is_busy(self)
            self._await_body()
            self._task = self._loop.create_task(self._answer(self._answering))
        elif self._has_ended and not self._is_lost:
            self._transport.close()

    async def _answer(self, incoming: Incoming) -> None:
        try:
            await self._send(incoming, await self._respond(incoming))
        except ConnectionError:  # the client is gone, or is to be told so
            self._transport.abort()
        except Exception:
            _log.exception("a request could not be answered")
            self._transport.abort()
        else:
            self._finish(incoming)
        finally:
            self._release(incoming)

    async def _respond(self, incoming: Incoming) -> Response:
        accepts, workers = self._listener.accepts, self._listener.workers
        if accepts is not None and self._is_accepted is None:
            peer = self._transport.get_extra_info("peername")[0]
            self._is_accepted = await workers.run(accepts, peer)
        if self._is_accepted is False:
            return refusal("The local AWS answers containers here.")
        request = incoming.request
        if incoming.answer is not None:
            return incoming.answer
        assert request is not None  # noqa: S101  # what has none has its answer
        if incoming.service is not None:
            return await incoming.service.respond_in_loop(request, incoming.body.take())
        if incoming.spooled and not incoming.complete:
            workers = self._server.uploads
        try:
            response = await workers.run(self._server.dispatch.respond, request)
        except DisconnectedError:
            if incoming.answer is None:
                raise
        # What became of its body meanwhile has the last word.
        return incoming.answer or response

    async def _send(self, incoming: Incoming, response: Response) -> None:
        method = incoming.request.method if incoming.request else ""
        keep = incoming.keep and not self._server.is_stopping
        framing = Framing(response, method, incoming.version, keep=keep)
        incoming.keep = framing.keep
        body = response.body
        if isinstance(body, bytes):
            await self._write(framing.head + body if framing.has_body else framing.head)
            return
        make = body.next if isinstance(body, Pieces) else self._in_thread(body)
        waiting = framing.head
        try:
            while framing.has_body and (piece := await make()) is not None:
                for at in range(0, len(piece), PIECE):
                    part = piece[at : at + PIECE] if len(piece) > PIECE else piece
                    await self._write(waiting + framing.framed(part))
                    waiting = b""
            if waiting or framing.end:
                await self._write(waiting + framing.end)
        finally:
            await (body.close() if isinstance(body, Pieces) else self._close_in_thread(body))

    def _in_thread(
        self, body: Generator[bytes, None, None]
    ) -> Callable[[], Awaitable[bytes | None]]:
        """Makes the next piece in a thread, so that no client that reads slowly holds one."""
        return partial(self._listener.workers.run, next, body, None)

    async def _close_in_thread(self, body: Generator[bytes, None, None]) -> None:
        await self._listener.workers.run(body.close)

    async def _write(self, data: bytes) -> None:
        if self._is_lost or self._transport.is_closing():
            raise ConnectionAbortedError("the client is gone")
        self._transport.write(data)
        if self._drained is not None:
            await self._drained
            if self._is_lost:
                raise ConnectionAbortedError("the client is gone")

    def _finish(self, incoming: Incoming) -> None:
        incoming.done = True
        self._answering = None
        if self._is_lost:
            return
        if not incoming.keep or (self._has_ended and not self._waiting):
            self._close()
        elif incoming.complete:
            self._rest(incoming)
        else:
            self._resume()
            self._await_body()

    def _rest(self, incoming: Incoming) -> None:
        """Wait for the next request, unless it is there."""
        if self._answering is not None:
            return
        self._listener.is_quiet(self)
        if self._in_head:
            self._set_deadline(self._in(self._server.limits.head))
        elif self._incoming is None:
            self._set_deadline(self._in(self._server.limits.idle))
        self._resume()
        self._advance()

    def _close(self) -> None:
        """Close it when all is sent, and its client has had the time to read that."""
        if not self._is_deaf and self._incoming is None and not self._is_paused:
            self.deadline = self._in(self._server.limits.stall)
            self._transport.close()
            return
        self._is_deaf = True
        self.deadline = self._in(self._server.limits.linger)
        if self._transport.can_write_eof() and not self._has_ended:
            self._transport.write_eof()
        self._resume()
        if self._has_ended:
            self._transport.close()


def _target(uri: bytes) -> str:
    """The path and query of a request's target, of which the form with a host is another one."""
    text = uri.decode("ascii")
    if "#" in text:
        raise _Refused(400, "A request's target has no fragment.")
    if text.startswith("/") or text == "*":
        return text
    _, _, rest = text.partition("://")
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"
