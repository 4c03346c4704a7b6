"""Has one thread of a worker answer all requests, for as long as they are short.

Python runs one thread at a time. Where several take requests, each waits for its turn with one in
hand, and each turn is a switch between threads, which takes milliseconds on busy processors: many
times what a short request takes. So a thread that gets a request while another is at work hands it
over, and stands by in case the other one takes long. Where requests take long, each thread answers
its own, as they may wait for something else than Python.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Request = tuple[Any, dict[str, Any]]  # Granian's protocol, and the environ

logger = logging.getLogger("serving")

SHORT = 0.001  # seconds that a request takes on average, at most, while there is a relay
PATIENCE = 0.1  # seconds that one request may take then
REST = 30.0  # seconds that there is none after requests took longer
IDLE = 1.0  # seconds without a request after which nobody stands by
_WEIGHT = 1 / 64  # of a request in the average


class Relay:
    """Answers each request, in the thread that calls or in another.

    Args:
        answer: takes Granian's protocol, which sends the response, and WSGI's environ.
    """

    def __init__(self, answer: Callable[[Any, dict[str, Any]], object]) -> None:
        self._answer = answer
        self._watch = threading.Lock()  # held by the one of those on stand-by that looks
        self._lock = threading.Lock()  # of what follows
        self._at_work: object | None = None  # something of its own for each that begins to work
        self._since = 0.0  # when that one began its request
        self._handed_over: deque[Request] = deque()  # at most one for each that stands by
        self._average = SHORT / 2
        self._rests_until = 0.0

    def __call__(self, protocol: Any, environ: dict[str, Any]) -> None:
        me = object()
        with self._lock:
            now = time.monotonic()
            rests = now < self._rests_until
            works = not rests and self._at_work is None
            if works:
                self._at_work, self._since = me, now
            elif not rests:
                self._handed_over.append((protocol, environ))
        if works:
            self._work(me, protocol, environ)
        elif rests:
            self._respond(protocol, environ)
        else:
            self._stand_by()

    def _work(self, me: object, protocol: Any, environ: dict[str, Any]) -> None:
        """Answer a request, then those that are handed over meanwhile."""
        while True:
            self._respond(protocol, environ)
            now = time.monotonic()
            with self._lock:
                if self._at_work is not me:  # it took too long
                    return
                self._average += (now - self._since - self._average) * _WEIGHT
                if self._average > SHORT:
                    self._rest(now)
                if not self._handed_over:
                    self._at_work = None
                    return
                protocol, environ = self._handed_over.popleft()
                self._since = now

    def _stand_by(self) -> None:
        """Wait until this thread is needed, at the latest when there are no requests any more."""
        with self._watch:
            while True:
                now = time.monotonic()
                with self._lock:
                    if self._at_work is not None and now - self._since > PATIENCE:
                        self._at_work = None
                        self._rest(now)
                    if now < self._rests_until:
                        request = self._handed_over.popleft() if self._handed_over else None
                        break
                    if self._at_work is None and now - self._since > IDLE:
                        return
                time.sleep(PATIENCE)  # to look is to wait for a turn, and makes others wait
        if request:
            self._respond(*request)

    def _rest(self, now: float) -> None:
        self._average = SHORT / 2
        self._rests_until = now + REST

    def _respond(self, protocol: Any, environ: dict[str, Any]) -> None:
        try:
            self._answer(protocol, environ)
        except BaseException:
            logger.exception("500 %s", environ.get("PATH_INFO"))
            protocol.response_bytes(500, [], b"")
        finally:
            environ.clear()  # its body would stay in memory while its thread stands by
