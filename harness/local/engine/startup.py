"""The start-up of a container that is to serve: pinged until it is healthy, or known not to be.

This is about the time before its first `GET /ping` that is answered with 200, and no later one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from harness.local.engine import inspection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.engine.container import Container
    from harness.local.engine.inspection import Listener

PORT = 8080

PING_INTERVAL = 0.02
"""Seconds between the first pings of a container that doesn't answer yet."""

FLAP_INTERVAL = 0.5
"""The same after a ping that a fault on demand lets fail."""

SILENT_SHARE, SILENT_INTERVAL = 1 / 20, 0.5
"""The pause between two pings while nothing answers: this part of the time since the start, as that
is how much later it is served by them, and so many seconds at most."""

ANSWERED_SHARE, ANSWERED_INTERVAL = 1 / 4, 5.0
"""The same once something has answered, though not as it should: each ping is a line of its log."""

LOOK_INTERVAL = 1.0
"""Seconds between two looks at the sockets of a container that nothing answers in."""

ELSEWHERE = 3.0
"""Seconds for which it must have listened elsewhere, and not where it should, for that to be told:
a server may have other ports besides, and open them first. And for which it must have answered with
another status than 200."""


class Pinged(Protocol):
    """What is pinged."""

    status: int | None
    """What the last ping was answered with, if anything."""
    refused: bool
    """Whether it wasn't, as nothing listens."""

    def ping(self) -> bool:
        """Whether it is healthy."""


class Pauses:
    """How long to wait until the next ping: a part of the time that has gone by."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._answered: float | None = None
        """When something answered first."""

    def next(self, *, answered: bool) -> float:
        """Seconds; `answered`: whether the last ping was, whatever with."""
        now = self._clock()
        if answered and self._answered is None:
            self._answered = now
        if self._answered is not None:
            pause = min(ANSWERED_INTERVAL, ANSWERED_SHARE * (now - self._answered))
            return max(2 * PING_INTERVAL, pause)
        return max(PING_INTERVAL, min(SILENT_INTERVAL, SILENT_SHARE * (now - self._begun)))


class Sockets:
    """Where a container listens in which nothing answers: looked at now and then."""

    def __init__(
        self,
        container: Container,
        tell: Callable[[str], None],
        look: Callable[[Container], list[Listener] | None] = inspection.listeners,
    ) -> None:
        self._container = container
        self._tell = tell
        self._look = look
        self._next = time.monotonic() + LOOK_INTERVAL
        self._since: float | None = None
        self._unhealthy: float | None = None
        self._told = False
        self.hint = ""
        """That it listens elsewhere, and what to do about that; empty if it doesn't."""

    def answered(self, status: int) -> None:
        """Tell of a status that isn't 200, if it stays so: it is waited for in silence else."""
        now = time.monotonic()
        self._unhealthy = self._unhealthy or now
        if now - self._unhealthy >= ELSEWHERE and not self._told:
            self._told = True
            self._tell(f"GET /ping answers {status}, and is asked again until that is 200")

    def look(self, *, refused: bool, at_once: bool = False) -> None:
        """Look at them, if it is time to, and tell of a place that stays wrong."""
        now = time.monotonic()
        if now < self._next and not at_once:
            return
        self.hint = elsewhere(self._look(self._container) or [], refused=refused)
        self._since = (self._since or now) if self.hint else None
        if self._since is not None and now - self._since >= ELSEWHERE and not self._told:
            self._told = True
            self._tell(self.hint)
        self._next = time.monotonic() + LOOK_INTERVAL


def elsewhere(listeners: Sequence[Listener], *, refused: bool) -> str:
    """Where a container listens that can't be reached on `PORT`, in words; empty if nowhere.

    `[::]` is every address, IPv4's as well, unless it was asked for IPv6's only: connections are
    `refused` then.
    """
    here = [each for each in listeners if each.port == PORT]
    there = [each for each in here if each.reachable]
    if not listeners or any(not (refused and each.is_ipv6) for each in there):
        return ""
    where = " and ".join(dict.fromkeys(map(str, sorted(here or listeners))))
    if not here:
        return f"it listens on {where}, and not on port {PORT}: bind to 0.0.0.0:{PORT}"
    if there:
        return f"it listens on {where}, by IPv6 only: bind to 0.0.0.0:{PORT}"
    return (
        f"it listens on {where}, where only programs in the container reach it: "
        f"bind to 0.0.0.0:{PORT}"
    )


def wait_healthy(
    container: Container,
    pinged: Pinged,
    sockets: Sockets,
    deadline: float,
    *,
    abandoned: Callable[[], bool],
    flaps: Callable[[], bool],
) -> bool:
    """Ping until the answer is 200; False if the container ends, or the time is up.

    Args:
        deadline: in `time.monotonic()`.
        abandoned: asked before each further ping; true ends the wait.
        flaps: asked before each ping; true is a ping that fails, by a fault on demand.
    """
    pauses = Pauses()
    while (flapped := flaps()) or not pinged.ping():
        if abandoned():
            return False
        if pinged.status is None and not flapped:
            sockets.look(refused=pinged.refused)
        elif pinged.status is not None and not flapped:
            sockets.answered(pinged.status)
        pause = FLAP_INTERVAL if flapped else pauses.next(answered=pinged.status is not None)
        left = deadline - time.monotonic()
        if container.exited.wait(max(0.0, min(pause, left))):
            return False
        if left <= pause:
            if pinged.status is None:
                sockets.look(refused=pinged.refused, at_once=True)
            return False
    return True
