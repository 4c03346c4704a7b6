"""Requests that are being answered, and who wants none to be for a moment."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_SECONDS = 30
"""In which the requests that are being answered should end; then they are no longer waited for."""


class Turns:
    """Lets requests in, as many as come, or one who wants to be `alone`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alone = threading.Lock()
        self._held = False
        self._requests = 0

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """A request is being answered; waits for whoever is alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._held)
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No request begins meanwhile, and those that had begun have ended, but very long ones."""
        with self._alone:
            with self._changed:
                self._held = True
            try:
                with self._changed:
                    self._changed.wait_for(lambda: not self._requests, WAIT_SECONDS)
                yield
            finally:
                with self._changed:
                    self._held = False
                    self._changed.notify_all()
