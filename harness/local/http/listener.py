"""The connections at one address, and what all addresses of a server have in common."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from harness.local.http.limits import MAX_HELD

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.faults.faults import Faults
    from harness.local.http.dispatch import Dispatch
    from harness.local.http.limits import Limits
    from harness.local.http.workers import Workers


class Client(Protocol):
    """A connection, as those see it that look after all of them."""

    deadline: float
    """When something must have happened, in the loop's time."""

    def expire(self) -> None:
        """Its deadline has passed."""

    def evict(self) -> None:
        """Close it, so that there is room for others."""

    def stop(self) -> None:
        """Close it once what it is answering is answered."""

    @property
    def holds(self) -> bool:
        """Whether it has a part of a body that nobody is at work on."""

    @property
    def is_answering(self) -> bool: ...


class Listener:
    """One address: its connections, and who works on what they ask.

    `accepts`, called in a thread, says whether a client of that address is answered; `faults`
    on demand may befall what it asks.
    """

    def __init__(
        self,
        server: Host,
        workers: Workers,
        accepts: Callable[[str], bool] | None,
        most: int,
        *,
        faults: Faults | None,
    ) -> None:
        self.server = server
        self.workers = workers
        self.accepts = accepts
        self.faults = faults
        self.connections: dict[Client, None] = {}
        self._quiet: dict[Client, None] = {}  # the longest first
        self._most = most

    def add(self, connection: Client) -> None:
        self.connections[connection] = self._quiet[connection] = None
        if len(self.connections) > self._most:
            oldest = next(iter(self._quiet))
            self.remove(oldest)
            oldest.evict()

    def remove(self, connection: Client) -> None:
        self.connections.pop(connection, None)
        self._quiet.pop(connection, None)
        self.server.has_answered()

    def is_busy(self, connection: Client) -> None:
        """One of its requests is being answered."""
        self._quiet.pop(connection, None)

    def is_quiet(self, connection: Client) -> None:
        """All that it has asked is answered."""
        self._quiet[connection] = None
        self.server.has_answered()


class Host:
    """What is common to all connections of a server. Only the loop touches it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dispatch: Dispatch,
        limits: Limits,
        uploads: Workers,
    ) -> None:
        self.loop = loop
        self.dispatch = dispatch
        self.limits = limits
        self.uploads = uploads
        """The threads for bodies that are read while they come."""
        self.listeners: list[Listener] = []
        self.held = 0
        """Bytes of bodies that are in memory before they are answered."""
        self.is_stopping = False
        self.is_idle = asyncio.Event()
        """Set once nothing is being answered any more, after it `is_stopping`."""

    def clients(self) -> list[Client]:
        return [each for some in self.listeners for each in some.connections]

    def hold(self, connection: Client, size: int) -> bool:
        """Count a part of a body that is in memory; false: there is no room for it.

        Those go first whose bodies have been on their way for longest.
        """
        self.held += size
        if self.held > MAX_HELD:
            for each in self.clients():
                if self.held > MAX_HELD and each is not connection and each.holds:
                    each.evict()
        if self.held <= MAX_HELD:
            return True
        self.held -= size
        return False

    def has_answered(self) -> None:
        if self.is_stopping and not self._is_answering():
            self.is_idle.set()

    def _is_answering(self) -> bool:
        return any(each.is_answering for each in self.clients())
