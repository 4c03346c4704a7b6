"""Processes that answer, all of them the same, each replaced when it ends."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from serving import signals
from serving.loop import Loop

if TYPE_CHECKING:
    from serving.connection import Wsgi

logger = logging.getLogger("serving")

BACKLOG = 2048  # connections that the kernel keeps until their worker takes them

# SageMaker sends SIGKILL 30 s after SIGTERM; what still runs shortly before that is given up.
GRACE = 25  # seconds

PAUSE = 1.0  # seconds between two starts of one worker, at least


def bind(port: int) -> socket.socket:
    """A socket of any address of this container; further ones may be bound to the same port.

    The kernel hands out connections among those that listen, evenly, as it would not between
    processes that share one: the first to wake would take most.

    Raises:
        OSError: something else has the port.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("0.0.0.0", port))  # noqa: S104  (a container's own network)
    except OSError:
        sock.close()
        raise
    return sock


@dataclass
class Worker:
    pid: int | None = None
    started: float = float("-inf")


class Workers:
    """Forks workers, which share the memory of what is loaded by then.

    Args:
        app: what answers.
        bound: a socket that has the port, and doesn't listen.
        number: of workers.
        helpers: threads of a worker that answer when requests take long.
    """

    def __init__(self, app: Wsgi, bound: socket.socket, number: int, helpers: int) -> None:
        self._app = app
        self._bound = bound
        self._helpers = helpers
        self._workers = [Worker() for _ in range(number)]
        self._lives, self._alive = os.pipe()  # ends when this process does
        self._signals = -1

    def serve(self) -> None:
        """Keep the workers up until SIGTERM or SIGINT, then have them end what they answer."""
        signals.reset_in_forks()
        self._signals = signals.readable(*signals.STOP, signal.SIGCHLD)
        while not self._wait(self._start_missing()):
            self._reap()
        self._stop()

    def _start_missing(self) -> float | None:
        """Start workers that are not there; seconds to the next start that is due, if any."""
        now = time.monotonic()
        due = None
        for worker in self._workers:
            if worker.pid is not None:
                continue
            if now - worker.started >= PAUSE:
                worker.started = now
                worker.pid = self._fork()
            else:
                due = min(due or PAUSE, worker.started + PAUSE - now)
        return due

    def _fork(self) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        with signals.held():
            pid = os.fork()
            if pid == 0:
                self._work()
            return pid

    def _wait(self, seconds: float | None) -> bool:
        """Wait for a signal; whether it is one to stop."""
        select.select([self._signals], [], [], seconds)
        return not signals.read(self._signals).isdisjoint(signals.STOP)

    def _reap(self) -> None:
        """Take note of children that have ended; whatever hooks left is this process's as well."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for worker in self._workers:
                if worker.pid == pid:
                    worker.pid = None
                    code = os.waitstatus_to_exitcode(status)
                    how = f"by signal {-code}" if code < 0 else f"with status {code}"
                    logger.error("A worker ended %s; another one takes its place.", how)

    def _stop(self) -> None:
        self._bound.close()
        end = time.monotonic() + GRACE
        self._signal(signal.SIGTERM)
        while any(worker.pid for worker in self._workers) and time.monotonic() < end:
            select.select([self._signals], [], [], max(0.0, end - time.monotonic()))
            signals.read(self._signals)
            self._bury()
        if any(worker.pid for worker in self._workers):
            logger.error("What workers still answer after %d s is given up.", GRACE)
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid is not None:
                os.kill(worker.pid, number)

    def _bury(self) -> None:
        for worker in self._workers:
            if worker.pid is not None and os.waitpid(worker.pid, os.WNOHANG)[0]:
                worker.pid = None

    def _work(self) -> NoReturn:
        """What a worker does, from its first moment to its last."""
        try:
            os.close(self._alive)
            pipe = signals.readable(*signals.STOP)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.STOP)
            listener = bind(self._bound.getsockname()[1])
            self._bound.close()
            listener.listen(BACKLOG)
            loop = Loop(self._app, listener, helpers=self._helpers)
            loop.start()
            while True:
                readable, _, _ = select.select([pipe, self._lives], [], [])
                if self._lives in readable or signals.read(pipe):
                    break
            loop.stop()
            loop.ended.wait(GRACE)
            status = 0
        except BaseException:
            logger.critical("A worker can't work", exc_info=True)
            status = 1
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
