"""Ends a worker process that is stuck in one request, so that a fresh one takes its place.

Python can't stop a running function. SageMaker gives up on a request after 60 s, but its thread
would go on, and enough of them stop the worker from answering /ping.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
import time

logger = logging.getLogger("serving")


class Watchdog:
    """Watches requests, each for at most `timeout` seconds: `with` it, a request is answered."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._started: dict[int, float] = {}  # by thread
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """Limits the time of the block."""
        if self._thread is None:
            self._start()
        self._started[threading.get_ident()] = time.monotonic()

    def __exit__(self, *_: object) -> None:
        del self._started[threading.get_ident()]

    def _start(self) -> None:
        # On the first request: threads don't survive the fork that makes a worker.
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        tick = threading.Event()
        while not tick.wait(min(1.0, self._timeout / 4)):
            oldest = min(self._started.copy().values(), default=None)
            if oldest is not None and time.monotonic() - oldest > self._timeout:
                logger.error(
                    "A request took more than %g s (SAGEMAKER_MODEL_SERVER_TIMEOUT); its worker "
                    "is replaced. Where its threads were:",
                    self._timeout,
                )
                faulthandler.dump_traceback()
                os._exit(1)
