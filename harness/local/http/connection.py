"""A client's connection, in the loop: requests come in, and each is answered in its turn.

It takes no thread before a request is there, with its body if that is of the usual size. Whatever
is waited for has a deadline, which the server looks at.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from harness.local.http.heads import Framing
from harness.local.http.incoming import Body, Incoming
from harness.local.http.limits import MAX_DROPPED, MAX_PIPELINED, PIECE, SPOOLED
from harness.local.http.reading import Reader, Refused
from harness.local.http.trust import refusal
from harness.local.protocol.errors import DisconnectedError
from harness.local.protocol.messages import Pieces, Request, Response
from harness.local.protocol.responses import too_large

if TYPE_CHECKING:
    from collections.abc import Generator

    from harness.local.faults.faults import Verdict
    from harness.local.http.listener import Listener

_log = logging.getLogger(__name__)

NEVER = float("inf")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Reader):
    """A connection to an address that the local AWS listens on."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self._server = listener.server
        self._limits = listener.server.limits
        self._loop = listener.server.loop
        self._transport: asyncio.Transport
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
        self._known: tuple[bytes, int, Incoming] | None = None
        """The head of a request that came whole at once, the bytes of that, and the request."""
        self.deadline = NEVER
        """When something must have happened, in the loop's time."""

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(PIECE)
        self.deadline = self._in(self._limits.idle)
        self._listener.add(self)

    def connection_lost(self, _: Exception | None) -> None:
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
        self._advance()
        return self._answering is not None and not self._is_deaf

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._in(self._limits.stall)

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
        self._await_body()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        is_first = self._incoming is None and not self._in_head
        if is_first:
            if self._known is not None and self._answering is None and self._is_known(data):
                return
            self._begin_head()
            if self._answering is None:
                self.deadline = self._in(self._limits.head)
        try:
            self._feed(data)
        except Refused as refused:
            self._refuse(refused.response)
        except ConnectionError:
            self._transport.abort()
        else:
            if self._incoming is not None and self._moved >= PIECE:
                self._await_body()
                self._advance()
            elif is_first and (asked := self._answering) and not self._waiting:
                head = asked.head_of(data)
                self._known = (head, len(data), asked) if head else None

    def _is_known(self, data: bytes) -> bool:
        """Whether that is a request with the head of an earlier one; if so, begin to answer it.

        Who asks for much asks for the same, but for the body: its head is read once.
        """
        head, size, asked = cast("tuple[bytes, int, Incoming]", self._known)
        if len(data) != size or not data.startswith(head):
            return False
        body = data[len(head) :]
        if not self._server.hold(self, len(body)):
            return False
        self._begin_answer(asked.again(body))
        return True

    # What the parser says

    def on_message_begin(self) -> None:
        if len(self._waiting) >= MAX_PIPELINED:
            raise ConnectionAbortedError("more is asked than is read at once")
        super().on_message_begin()

    def _begin(self, incoming: Incoming, request: Request) -> None:
        plan = self._server.dispatch.plan(request)
        if isinstance(plan, Response):
            incoming.answer = plan
        elif plan is not None:
            incoming.call = plan
            if (request.length or 0) > plan.max_body:
                incoming.answer = too_large(plan.max_body)
        if expected := request.headers.get("expect"):
            self._expect(incoming, expected)
        self._waiting.append(incoming)
        self._moved = PIECE  # so that the body gets a deadline

    def _expect(self, incoming: Incoming, expected: str) -> None:
        if expected.lower() != "100-continue":
            raise Refused(417, "A client may expect 100-continue, and nothing else.")
        if incoming.answer is not None:
            incoming.keep = False  # it may send its body, or not
        elif incoming.version == "1.1" and self._answering is None and not self._waiting:
            self._transport.write(_CONTINUE)

    def on_body(self, piece: bytes) -> None:
        incoming = cast("Incoming", self._incoming)
        size = len(piece)
        self._moved += size
        if incoming.done or incoming.answer is not None:
            incoming.dropped += size
            if incoming.dropped > MAX_DROPPED:
                raise ConnectionAbortedError("nobody wants all this")
        elif incoming.body is not None:
            incoming.body.feed(piece)
            if incoming.body.size > SPOOLED:
                self._pause()
        else:
            self._hold(incoming, piece, size)

    def _hold(self, incoming: Incoming, piece: bytes, size: int) -> None:
        """Keep a piece until the rest is there."""
        if not self._server.hold(self, size):
            raise Refused(503, "The bodies of too many requests are on their way; try again.")
        incoming.held += size
        incoming.pieces.append(piece)
        if incoming.call is not None:
            if incoming.held > incoming.call.max_body:
                incoming.answer = too_large(incoming.call.max_body)
                self._release(incoming)
                self._advance()
        elif incoming.held > SPOOLED:
            incoming.body = Body(incoming.pieces, self._on_read)
            self._release(incoming)
            self._advance()

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # it isn't complete; see `_pass_over`
        incoming = cast("Incoming", self._incoming)
        self._incoming = None
        incoming.complete = True
        if incoming.body is not None:
            incoming.body.end()
        if incoming.done:
            self._rest()
            return
        if self._answering is None:
            self._advance()
        else:
            self._set_deadline(NEVER)
        if self._waiting:
            self._pause()

    # Time and memory

    def _in(self, seconds: float) -> float:
        return self._loop.time() + seconds

    def _set_deadline(self, deadline: float) -> None:
        if self._drained is None:  # or else it is the response's
            self.deadline = deadline

    def _await_body(self) -> None:
        """Set the deadline of what is to come of the body, if there is anything."""
        self._moved = 0
        if self._incoming is not None and not self._is_paused:
            self._set_deadline(self._in(self._limits.stall))
        elif self._answering is not None:
            self._set_deadline(NEVER)

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()
            self._await_body()

    def _resume(self) -> None:
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()
            self._await_body()

    def _on_read(self) -> None:
        """In the thread that reads a body: there may be room again."""
        incoming = self._answering
        if self._is_paused and incoming and incoming.body and incoming.body.size < SPOOLED // 2:
            self._loop.call_soon_threadsafe(self._resume)

    def _release(self, incoming: Incoming) -> None:
        self._server.held -= incoming.held
        incoming.held = 0
        incoming.pieces = []

    def _break_off(self, error: DisconnectedError) -> None:
        if self._incoming is not None:
            self._incoming.fail(error)
            self._release(self._incoming)

    def expire(self) -> None:
        """Its deadline has passed."""
        if self._drained is not None:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self._unsent = unsent
                self.deadline = self._in(self._limits.stall)
                return
        elif (self._incoming is not None or self._in_head) and not self._is_deaf:
            self._refuse(Refused(408, "The request has not come in time.").response)
            return
        self._transport.abort()

    @property
    def holds(self) -> bool:
        """Whether it has a part of a body that nobody is at work on."""
        return self._incoming is not None and self._incoming.held > 0

    @property
    def is_answering(self) -> bool:
        return self._answering is not None

    def evict(self) -> None:
        """Close it, so that there is room for others."""
        self._break_off(DisconnectedError("the client was too slow"))
        self._transport.abort()

    def stop(self) -> None:
        """Close it once what it is answering is answered."""
        if self._answering is None:
            self._transport.close()

    # Answers

    def _refuse(self, response: Response) -> None:
        """Answer what is coming in with that, and hear nothing more."""
        incoming = self._incoming
        if incoming is None:
            incoming = Incoming(None, "1.1", keep=False)
            self._waiting.append(incoming)
        incoming.fail(DisconnectedError("the request is not valid, or not there in time"))
        self._release(incoming)
        incoming.answer, incoming.keep = response, False
        self._incoming, self._in_head, self._is_deaf = None, False, True
        self._set_deadline(NEVER)
        if incoming.done:
            self._close()
        else:
            self._advance()

    def _advance(self) -> None:
        """Begin to answer the next request, if it is there."""
        if self._answering is not None:
            return
        if self._waiting and self._waiting[0].is_ready:
            self._begin_answer(self._waiting.popleft())
        elif self._has_ended and not self._is_lost:
            self._transport.close()

    def _begin_answer(self, incoming: Incoming) -> None:
        self._answering = incoming
        self._listener.is_busy(self)
        if self._incoming is None:
            self._set_deadline(NEVER)
        self._task = self._loop.create_task(self._answer(incoming))

    async def _answer(self, incoming: Incoming) -> None:
        try:
            await self._send(incoming, await self._respond(incoming))
        except ConnectionError:  # the client is gone, or is to be told so
            self._transport.abort()
        except Exception:  # noqa: BLE001  # is logged with its traceback
            _log.exception("a request could not be answered")
            self._transport.abort()
        finally:
            self._release(incoming)
            self._finish(incoming)

    async def _respond(self, incoming: Incoming) -> Response:
        if self._listener.accepts is not None and not await self._accepted():
            return refusal("The local AWS answers containers here.")
        request = incoming.request
        if incoming.answer is not None or request is None:
            return cast("Response", incoming.answer)
        faults = self._listener.faults
        if faults is not None and faults.concerns_calls:
            verdict = faults.verdict(request, lambda: b"".join(incoming.pieces))
            if verdict is not None and (response := await self._befall(verdict)) is not None:
                return response
        if incoming.call is not None:
            pieces = incoming.pieces
            return await incoming.call.respond(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        workers = self._listener.workers
        if incoming.body is None:
            body_read = Body(incoming.pieces)
            body_read.end()
        else:
            body_read, workers = incoming.body, self._server.uploads
        request.stream = cast("IO[bytes]", body_read)
        try:
            response = await workers.run(self._server.dispatch.respond, request)
        except DisconnectedError:
            if incoming.answer is None:
                raise
        except Exception:  # noqa: BLE001  # is logged with its traceback
            _log.exception("%s %s failed with an unexpected error", request.method, request.path)
            return Response(500, {"Content-Type": "text/plain"}, b"The local AWS's log says why.\n")
        # What became of its body meanwhile has the last word.
        return incoming.answer or response

    async def _befall(self, verdict: Verdict) -> Response | None:
        """Do what a fault on demand says: wait, break off, or answer; None: it goes on."""
        await asyncio.sleep(verdict.latency)
        if verdict.reset:
            raise ConnectionResetError("a fault on demand")
        return verdict.response

    async def _accepted(self) -> bool:
        if self._is_accepted is None:
            host = self._transport.get_extra_info("peername")[0]
            accepts = self._listener.accepts
            self._is_accepted = accepts is None or await self._listener.workers.run(accepts, host)
        return self._is_accepted

    async def _send(self, incoming: Incoming, response: Response) -> None:
        method = incoming.request.method if incoming.request else ""
        keep = incoming.keep and not self._server.is_stopping
        framing = Framing(response, method, incoming.version, keep=keep)
        incoming.keep = framing.keep
        body = response.body
        if isinstance(body, bytes):
            self._put(framing.head + body if framing.has_body else framing.head)
            if self._drained is not None:
                await self._has_drained()
            return
        pieces = body if isinstance(body, Pieces) else _Threaded(body, self._listener)
        waiting = framing.head
        try:
            while framing.has_body and (piece := await pieces.next()) is not None:
                if piece:
                    await self._write(waiting + framing.framed(piece))
                    waiting = b""
            if waiting or framing.chunked:
                await self._write(waiting + framing.end)
        finally:
            await pieces.close()

    async def _write(self, data: bytes) -> None:
        """Send it; returns once there is room for more."""
        self._put(data)
        if self._drained is not None:
            await self._has_drained()

    def _put(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionAbortedError("the client is gone")
        self._transport.write(data)

    async def _has_drained(self) -> None:
        await cast("asyncio.Future[None]", self._drained)
        if self._is_lost:
            raise ConnectionAbortedError("the client is gone")

    def _finish(self, incoming: Incoming) -> None:
        incoming.done = True
        self._answering = None
        if self._transport.is_closing():
            self._listener.is_quiet(self)
        elif not incoming.keep or (self._has_ended and not self._waiting):
            self._close()
        elif incoming.complete:
            self._rest()
        else:  # the rest of its body is thrown away
            self._resume()
            self._await_body()

    def _rest(self) -> None:
        """Wait for the next request, unless it is there."""
        if self._answering is not None:
            return
        self._listener.is_quiet(self)
        if self._in_head:
            self._set_deadline(self._in(self._limits.head))
        elif self._incoming is None:
            self._set_deadline(self._in(self._limits.idle))
        self._resume()
        if self._waiting:
            self._advance()

    def _close(self) -> None:
        """Close it when all is sent, and its client has had the time to read that."""
        self._waiting.clear()
        if not self._is_deaf and self._incoming is None and not self._is_paused:
            self._set_deadline(self._in(self._limits.stall))
            self._transport.close()
            return
        # It may still be sending, and would not see the answer if what it sends found nobody.
        self._is_deaf = True
        self._set_deadline(self._in(self._limits.linger))
        if self._has_ended:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume()


class _Threaded:
    """The pieces of a body that threads make, so that no client that reads slowly holds one."""

    def __init__(self, body: Generator[bytes, None, None], listener: Listener) -> None:
        self._body = body
        self._workers = listener.workers

    async def next(self) -> bytes | None:
        return await self._workers.run(partial(next, self._body, None))

    async def close(self) -> None:
        await self._workers.run(self._body.close)
