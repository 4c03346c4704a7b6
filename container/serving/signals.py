"""Signals that are read rather than handled, so that none is lost, whichever thread gets it."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP = (signal.SIGTERM, signal.SIGINT)


def readable(*numbers: int) -> int:
    """A pipe into which each of these signals is written from now on, as a byte: its number.

    Python's own handlers run in the main thread, when that gets to it, but what writes to this pipe
    runs at once in any. For the main thread to call, once in each process.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _written)
    return reader


def read(pipe: int) -> set[int]:
    """The signals that have come; waits for none."""
    try:
        return set(os.read(pipe, 1024))
    except BlockingIOError:
        return set()


@contextmanager
def held() -> Iterator[None]:
    """Blocks `STOP` in this thread; a process that is forked meanwhile begins with it blocked.

    Signals that come until the end aren't lost: a new process has its parent's handlers, which are
    not what it wants, until it has its own.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def reset_in_forks() -> None:
    """Gives processes that this one or its children fork, as hooks may, the usual signals."""
    os.register_at_fork(after_in_child=_reset)


def _reset() -> None:
    signal.set_wakeup_fd(-1)
    for number in STOP:
        if signal.getsignal(number) is _written:
            signal.signal(number, signal.SIG_DFL)


def _written(*_: object) -> None:
    """A signal without a handler in Python isn't written to the pipe."""
