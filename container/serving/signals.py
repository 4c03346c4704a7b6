"""What it takes for no SIGTERM to be lost, in a process of many threads that forks."""

from __future__ import annotations

import os
import queue
import signal
import threading
from functools import partial

STOP = (signal.SIGTERM, signal.SIGINT)

# Its default is to be ignored, so that one which comes from elsewhere does no harm.
_WAKE = signal.SIGURG


def hold_in_forks() -> None:
    """Makes the processes that this one forks begin with `STOP` blocked, until they `release` it.

    A new process has its parent's handlers, and Python drops what comes before it is set up.
    """
    parent = os.getpid()

    def mask(how: int) -> None:
        if os.getpid() == parent:  # its children inherit this
            signal.pthread_sigmask(how, STOP)

    os.register_at_fork(
        before=partial(mask, signal.SIG_BLOCK), after_in_parent=partial(mask, signal.SIG_UNBLOCK)
    )


def release() -> None:
    """Lets the signals in that were held since the fork; for the main thread to call."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)


def wake_main_thread() -> None:
    """Makes the main thread run the handlers of all signals, whichever thread gets them.

    Python's handlers run in the main thread. One that waits for a lock, as Granian's does, wakes
    only for a signal that it was given itself; the kernel may give a process's signal to any of
    its threads, and Granian's do take some. Their handlers then wouldn't run.

    For the main thread to call, once in each process: threads don't survive a fork.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # A queue, as its put may interrupt itself, which a handler has to bear.
    awake: queue.SimpleQueue[None] = queue.SimpleQueue()
    signal.signal(_WAKE, lambda *_: awake.put(None))
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_run, args=(reader, awake), name="signals", daemon=True).start()


def _run(reader: int, awake: queue.SimpleQueue[None]) -> None:
    while numbers := os.read(reader, 1024):
        if any(number != _WAKE for number in numbers):
            while not _wake(awake):
                pass


def _wake(awake: queue.SimpleQueue[None]) -> bool:
    main = threading.main_thread().ident
    assert main is not None  # noqa: S101  (it runs)
    signal.pthread_kill(main, _WAKE)
    try:
        awake.get(timeout=0.1)
    except queue.Empty:  # it came just before the main thread began to wait, or that one is busy
        return False
    return True
