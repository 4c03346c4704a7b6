"""Listening at addresses of this machine: one loop, in a thread of its own, for all of them."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from harness.local.http.connection import Connection
from harness.local.http.limits import Limits, allow_files
from harness.local.http.listener import Host, Listener
from harness.local.http.sockets import BACKLOG, listening
from harness.local.http.workers import Workers

try:
    import uvloop as loops
except ImportError:  # where there is none, as on Windows; asyncio's own takes a fifth longer
    import asyncio as loops  # type: ignore[no-redef]

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    from harness.local.faults.faults import Faults
    from harness.local.http.dispatch import Dispatch

_log = logging.getLogger(__name__)

LIMITS = Limits()

WORKERS = 128
"""Requests that are worked on at once; further ones wait, and take no thread."""

UPLOADS = 64
"""Bodies that are being read at once while they come, by threads of their own: those that come
slowly hold up no other requests."""

MOST_CONNECTIONS = 2048
"""At one address. A further one takes the place of the one that has been idle for longest."""


class Server(Host):
    """Answers at the addresses that it is told to `listen` at, until it is told to `stop`."""

    def __init__(self, dispatch: Dispatch, limits: Limits | None = None) -> None:
        loop: asyncio.AbstractEventLoop = loops.new_event_loop()
        super().__init__(loop, dispatch, limits or LIMITS, Workers("harness-upload", UPLOADS))
        self.loop.set_exception_handler(_log_error)
        self.workers = Workers("harness-request", WORKERS)
        self._pools = [self.workers, self.uploads]
        self._sockets: list[asyncio.AbstractServer] = []
        self._most = min(MOST_CONNECTIONS, allow_files() // 4)
        # A daemon, so that a forgotten `stop` hangs no process.
        self._thread = threading.Thread(target=self._run, name="harness-local-aws", daemon=True)
        self._thread.start()

    def listen(
        self,
        host: str,
        port: int,
        accepts: Callable[[str], bool] | None = None,
        workers: int | None = None,
        *,
        faults: Faults | None = None,
    ) -> int:
        """Accept connections there, with so many threads of their own; returns the port.

        `faults` are those on demand that may befall its requests.

        Raises:
            OSError: the port is taken, or the address isn't this machine's.
        """
        opened = listening(host, port)
        pool = self.workers
        if workers is not None:
            pool = Workers("harness-inner", workers)
            self._pools.append(pool)
        listener = Listener(self, pool, accepts, self._most, faults=faults)
        self._call(self._accept(listener, opened))
        bound: int = opened.getsockname()[1]
        return bound

    async def _accept(self, listener: Listener, opened: socket.socket) -> None:
        self.listeners.append(listener)
        server = await self.loop.create_server(
            lambda: Connection(listener), sock=opened, backlog=BACKLOG
        )
        self._sockets.append(server)

    def stop(self) -> None:
        """Free the ports, and end; what is being answered has `Limits.close` seconds for that."""
        if self._thread.is_alive():
            self._call(self._end())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
        for pool in self._pools:
            pool.stop(0.1 if self.is_idle.is_set() else 0.0)

    async def _end(self) -> None:
        self.is_stopping = True
        for each in self._sockets:
            each.close()
        connections = self.clients()
        for connection in connections:
            connection.stop()
        self.has_answered()
        try:
            async with asyncio.timeout(self.limits.close):
                await self.is_idle.wait()
        except TimeoutError:
            _log.warning("requests were still being answered when the local AWS was closed")
        for connection in connections:
            connection.evict()
        await asyncio.sleep(0)

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def _run(self) -> None:
        self.loop.call_soon(self._look_at_deadlines)
        try:
            self.loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    def _look_at_deadlines(self) -> None:
        shortest = min(self.limits.head, self.limits.stall, self.limits.idle, self.limits.linger)
        self.loop.call_later(min(1.0, shortest / 4), self._look_at_deadlines)
        now = self.loop.time()
        for each in self.clients():
            if each.deadline < now:
                each.expire()


def _log_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _log.error("%s", context["message"], exc_info=context.get("exception"))
