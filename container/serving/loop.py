"""A worker's connections, and the threads that answer their requests.

One thread leads: it alone accepts, reads and sends, and no connection takes a thread of its own,
however slow its client is. It answers requests as well, for as long as they are short. Python runs
one thread at a time, and each switch between two takes milliseconds on busy processors, many times
what a short request takes.

When requests take long, on average or once, there are helpers for a while, which answer them. If
the leader itself is in a long one, another thread leads from then on. So /ping is answered in any
case, and by the leader.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import select
import socket
import threading
import time
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from serving.connection import MAX_BODY, Answer, Connection, Request, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.connection import Wsgi

logger = logging.getLogger("serving")

SHORT = 0.001  # seconds that a request takes on average, at most, while the leader answers it
PATIENCE = 0.1  # seconds after which it is looked whether one takes long
REST = 1.0  # seconds that helpers answer after requests took longer
LONG_REST = 32.0  # seconds that they do at most, if it is twice as long each time it was in vain
IDLE = 1.0  # seconds without a request after which nobody looks whether one takes long
_WEIGHT = 1 / 64  # of a request in the average
_MOST = 4 * SHORT  # seconds that one counts for in it

READING = 60.0  # seconds from a request's first byte to its last: SageMaker's limit for an answer
SENDING = 60.0  # seconds that a client may take to read an answer
LINGERING = 3.0  # seconds that a client is heard out after it was refused, so that it reads why

CONNECTIONS = 1024
"""That wait for their client, in a worker; of more, the ones that wait longest are closed."""

HELD = 4 * MAX_BODY
"""Bytes that a worker keeps of requests that aren't whole or wait, and of unsent answers."""

_CHUNK = 64 * 1024  # bytes that are read at once, or kept to be sent
_PARTS = 64  # of answers, likewise
_GATHERING = 0.005  # seconds that answers are kept, about


def _state(thread: int) -> tuple[bool, float]:
    """Whether a thread of this process can run, and seconds of processor time that it has used."""
    text = Path(f"/proc/self/task/{thread}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return fields[0] == "R", (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Loop:
    """Answers the connections of a socket that listens.

    Args:
        app: what answers.
        listener: the socket.
        helpers: how many threads answer when requests take long.
    """

    def __init__(self, app: Wsgi, listener: socket.socket, *, helpers: int) -> None:
        self._app = app
        self._listener: socket.socket | None = listener
        self._helpers = helpers
        self._poll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._rung = False
        self.ended = threading.Event()  # there is nothing more to answer
        self._stopping = False

        # The leader's own.
        self._connections: dict[int, Connection] = {}
        self._waiting: dict[int, Connection] = {}  # those not busy, from the one that waits longest
        self._outbox: list[Connection] = []  # those that have something to send
        self._held = 0
        self._started = 0  # helpers
        self._looked = 0.0  # when deadlines were looked at

        self._queue: queue.SimpleQueue[tuple[Connection, Request]] = queue.SimpleQueue()
        self._answered: deque[tuple[Connection, Answer]] = deque()  # by others than the leader

        self._lock = threading.Lock()  # of what follows
        self._awake = threading.Event()
        self._term = 0  # who leads: it leads for as long as its term is this
        self._leader = 0  # its thread, as the kernel names it
        self._answers = False  # the leader is in a request
        self._since = 0.0  # when that or the last one began
        self._average = SHORT / 2
        self._rests_until = 0.0
        self._rest_takes = REST

    def start(self) -> None:
        assert self._listener is not None  # noqa: S101
        self._listener.setblocking(False)
        self._poll.register(self._listener, select.EPOLLIN)
        self._poll.register(self._bell, select.EPOLLIN)
        threading.Thread(target=self._lead, args=(0,), name="leader", daemon=True).start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Listen no more, answer what is asked already, and then set `ended`."""
        self._stopping = True
        self._ring()

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            os.eventfd_write(self._bell, 1)

    # Who leads

    def _lead(self, term: int) -> None:
        self._leader = threading.get_native_id()
        try:
            self._flush()  # what the one before it has left
            while self._round(term):
                pass
        except BaseException:
            logger.critical("The server has a fault, and its worker is replaced.", exc_info=True)
            os._exit(1)

    def _watch(self) -> None:
        """Have another thread lead when a request takes the leader long."""
        before, used_before = 0.0, 0.0
        while True:
            self._awake.wait()
            time.sleep(PATIENCE)  # to look is to wait for a turn, and makes others wait
            runs, used = _state(self._leader)
            with self._lock:
                now = time.monotonic()
                since = self._since
                if self._answers and since == before:
                    # One that can run, and has not run, waits for a processor: so would any other.
                    if not runs or used - used_before >= PATIENCE / 2:
                        self._hand_over_lead(now)
                elif self._answers:
                    before, used_before = since, used
                elif now - since > IDLE:
                    self._awake.clear()
                    if self._since != since:  # it began one in this moment
                        self._awake.set()

    def _hand_over_lead(self, now: float) -> None:
        following = self._term + 1
        thread = threading.Thread(target=self._lead, args=(following,), name="leader", daemon=True)
        try:
            thread.start()  # while the old one can't take its term for lost
        except RuntimeError:
            logger.exception("No thread can be started to answer beside a long request")
            return
        self._term = following
        self._answers = False
        self._rest(now)

    def _rest(self, now: float) -> None:
        in_vain = now - self._rests_until < self._rest_takes
        self._rest_takes = min(self._rest_takes * 2, LONG_REST) if in_vain else REST
        self._average = SHORT / 2
        self._rests_until = now + self._rest_takes

    # What the leader does; each returns False when the thread leads no more.

    def _round(self, term: int) -> bool:
        for fd, _ in self._poll.poll(1.0):
            if fd == self._bell:
                if not self._collect(term):
                    return False
            elif (connection := self._connections.get(fd)) is not None:
                if not self._serve(connection, term):
                    return False
                if len(self._outbox) * self._average > _GATHERING:
                    self._flush()
            elif self._listener is not None and fd == self._listener.fileno():
                self._accept()
        self._flush()
        now = time.monotonic()
        if now - self._looked >= 1:
            self._looked = now
            self._expire(now)
        return not (self._stopping and self._is_done())

    def _serve(self, connection: Connection, term: int) -> bool:
        if connection.busy:  # its client has sent more, or has gone: that has time
            self._poll.unregister(connection.fd)
            connection.watched = False
            return True
        if connection.unsent is not None:
            self._send_rest(connection)
        else:
            self._receive(connection)
        return self._answer(connection, term)

    def _collect(self, term: int) -> bool:
        """Send what others than the leader answered."""
        os.eventfd_read(self._bell)
        self._rung = False  # before what rang is looked at
        while self._answered:
            connection, answer = self._answered.popleft()
            connection.busy = False
            if connection.closed:
                continue
            self._hold(connection, 0)
            if not connection.watched:
                unsent = connection.unsent is not None
                self._poll.register(connection.fd, select.EPOLLOUT if unsent else select.EPOLLIN)
                connection.watched = True
            self._waits(connection)
            self._send(connection, answer)
            if not self._answer(connection, term):
                return False
        return True

    def _answer(self, connection: Connection, term: int) -> bool:
        """Answer the connection's whole requests, one after the other."""
        while connection.requests and not connection.last and connection.unsent is None:
            request = connection.requests.popleft()
            connection.busy = True
            connection.deadline = None
            if request.environ["PATH_INFO"] == "/invocations":
                if not self._may_answer():
                    self._hand_over(connection, request)
                    return True
                answer = respond(self._app, request, last=self._stopping)
                if not self._still_leads(term):
                    self._answered.append((connection, answer))
                    self._ring()
                    return False
            else:
                answer = respond(self._app, request, last=self._stopping)
            connection.busy = False
            self._send(connection, answer)
        if not connection.closed and connection.unsent is None and not connection.last:
            self._listen_on(connection)
        return True

    def _may_answer(self) -> bool:
        """Whether the leader takes a request itself, and if so, that it does from now on."""
        self._since = time.monotonic()
        self._answers = may = self._since > self._rests_until
        if not self._awake.is_set():
            self._awake.set()
        return may

    def _still_leads(self, term: int) -> bool:
        with self._lock:
            if self._term != term:
                return False
            self._answers = False
            now = time.monotonic()
            # One alone counts for little: on busy processors the leader may just have had no turn.
            took = min(now - self._since, _MOST)
            self._average += (took - self._average) * _WEIGHT
            if self._average > SHORT:
                self._rest(now)
            return True

    # Helpers

    def _hand_over(self, connection: Connection, request: Request) -> None:
        self._waiting.pop(connection.fd, None)
        self._hold(connection, request.size)
        if self._queue.qsize() >= CONNECTIONS or not self._make_room():
            connection.busy = False
            self._hold(connection, 0)
            self._waits(connection)
            text = "More requests wait than this server can keep; try again later."
            connection.requests.clear()
            connection.refuse(HTTPStatus.SERVICE_UNAVAILABLE, text)
            self._listen_on(connection)
            return
        if self._started < self._helpers:
            try:
                threading.Thread(target=self._help, name="helper", daemon=True).start()
                self._started += 1
            except RuntimeError:
                logger.exception("No further thread can be started to answer requests")
        self._queue.put((connection, request))

    def _help(self) -> None:
        while True:
            connection, request = self._queue.get()
            answer = respond(self._app, request, last=self._stopping)
            self._answered.append((connection, answer))
            del request  # its body would stay in memory
            self._ring()

    # Connections

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # the client has gone again, or there are no files left to open
            if error.errno in (errno.EMFILE, errno.ENFILE) and not self._close_oldest():
                time.sleep(0.01)  # until another thread closes a file, which nothing tells
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        self._connections[connection.fd] = connection
        self._poll.register(connection.fd, select.EPOLLIN)
        self._waits(connection)
        if len(self._waiting) > CONNECTIONS:
            self._close_oldest()

    def _waits(self, connection: Connection) -> None:
        """For its client, from now on."""
        self._waiting.pop(connection.fd, None)
        self._waiting[connection.fd] = connection

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        if connection.lingers:
            if not data:
                self._close(connection)
        elif data:
            connection.receive(data)
        else:
            connection.ended()
            if connection.refusal is None:
                self._close(connection)

    def _listen_on(self, connection: Connection) -> None:
        """Everything is answered that is whole: refuse the rest, or wait for more."""
        if connection.refusal is not None:
            self._hold(connection, 0)
            self._send(connection, connection.refusal)
        elif connection.reading:
            if connection.deadline is None:
                connection.deadline = time.monotonic() + READING
                self._waits(connection)
            if go_on := connection.go_on():
                self._send(connection, Answer([go_on], last=False))
            self._hold(connection, connection.size)
            self._make_room()
        else:
            connection.deadline = None
            if connection.held:
                self._hold(connection, 0)
            self._waits(connection)

    def _send(self, connection: Connection, answer: Answer) -> None:
        """Have an answer sent, with others: each by itself would have a client wake for it."""
        connection.last = answer.last
        if connection.unsent is not None:
            connection.unsent = memoryview(b"".join([connection.unsent, *answer.parts]))
            return
        if not connection.out:
            self._outbox.append(connection)
        connection.out += answer.parts
        if len(connection.out) > _PARTS or sum(map(len, connection.out)) > _CHUNK:
            self._transmit(connection)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        for connection in outbox:
            if connection.out and not connection.closed:
                self._transmit(connection)

    def _transmit(self, connection: Connection) -> None:
        parts, connection.out = connection.out, []
        try:
            sent = connection.socket.sendmsg(parts)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        if sent == sum(map(len, parts)):
            self._sent(connection)
            return
        connection.unsent = memoryview(b"".join(parts))[sent:]
        connection.deadline = time.monotonic() + SENDING
        self._poll.modify(connection.fd, select.EPOLLOUT)
        self._waits(connection)
        self._hold(connection, len(connection.unsent))
        self._make_room()

    def _send_rest(self, connection: Connection) -> None:
        assert connection.unsent is not None  # noqa: S101
        try:
            sent = connection.socket.send(connection.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        connection.unsent = connection.unsent[sent:]
        if not connection.unsent:
            connection.unsent = None
            connection.deadline = None
            self._hold(connection, 0)
            self._poll.modify(connection.fd, select.EPOLLIN)
            self._sent(connection)

    def _sent(self, connection: Connection) -> None:
        if not connection.last:
            return
        if connection.refusal is None:
            self._close(connection)
            return
        # To close it with something unread would have the client's system drop what it was told.
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        connection.lingers = True
        connection.deadline = time.monotonic() + LINGERING

    def _hold(self, connection: Connection, size: int) -> None:
        self._held += size - connection.held
        connection.held = size

    def _make_room(self) -> bool:
        """Close those that wait longest while more is held than may be; whether that was enough."""
        if self._held > HELD:
            for connection in [each for each in self._idle() if each.held]:
                self._close(connection)
                if self._held <= HELD:
                    break
        return self._held <= HELD

    def _close_oldest(self) -> bool:
        for connection in self._idle():
            self._close(connection)
            return True
        return False

    def _idle(self) -> Iterator[Connection]:
        """Those that wait, from the one that does so longest; one may be busy by now."""
        return (each for each in self._waiting.values() if not each.busy)

    def _close(self, connection: Connection) -> None:
        if connection.closed:
            return
        self._hold(connection, 0)
        self._waiting.pop(connection.fd, None)
        del self._connections[connection.fd]
        connection.close()

    def _expire(self, now: float) -> None:
        for connection in list(self._idle()):
            if connection.deadline is None or now < connection.deadline:
                continue
            if connection.reading and connection.refusal is None and connection.unsent is None:
                text = f"The request wasn't whole after {READING:g} s."
                connection.refuse(HTTPStatus.REQUEST_TIMEOUT, text)
                self._listen_on(connection)
            else:
                self._close(connection)

    def _is_done(self) -> bool:
        """After a stop: whether all is answered."""
        if self._listener is not None:
            for _ in range(CONNECTIONS):  # those that had been let in
                before = len(self._connections)
                self._accept()
                if len(self._connections) == before:
                    break
            self._poll.unregister(self._listener)
            self._listener.close()
            self._listener = None
            self._ring()
            return False  # what they sent is read first
        for connection in list(self._idle()):
            if not connection.reading and connection.unsent is None and not connection.lingers:
                self._close(connection)
        if not self._connections:
            self.ended.set()
        return self.ended.is_set()
