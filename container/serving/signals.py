"""Wakes Python's main thread for each signal, whichever thread the kernel gave it to.

Python's handlers run in the main thread. One that waits for a lock, as Granian's does, wakes only
for a signal that it was given itself; a signal to a process can go to any of its threads, and
Granian's threads do take some: the handler then doesn't run, and SIGTERM is as good as lost.
"""

from __future__ import annotations

import os
import queue
import signal
import threading

# Its default is to be ignored, so that one which comes from elsewhere does no harm.
_WAKE = signal.SIGURG


def wake_main_thread() -> None:
    """Makes the main thread run the handlers of all signals that come from now on.

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
