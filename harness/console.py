"""What commands say on stderr while they work: lines, the last of which may be passing."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time

PLAIN_PERIOD = 10.0
"""Seconds between two passing lines where nothing can be taken back."""


class Passing(str):
    """A line that says how far something is, and gives way to the next one."""

    __slots__ = ()


class Console:
    """Called with each line. On a terminal, a passing line stands until the next; elsewhere only
    one in ten seconds is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stands = False
        self._next = 0.0

    def __call__(self, line: str) -> None:
        with self._lock:
            if not isinstance(line, Passing):
                self._write(f"{line}\n")
                self._stands = False
            elif sys.stderr.isatty():
                room = shutil.get_terminal_size().columns - 1
                self._write(line[:room])
                self._stands = True
            elif time.monotonic() >= self._next:
                self._write(f"{line}\n")
                self._next = time.monotonic() + PLAIN_PERIOD

    def _write(self, text: str) -> None:
        """In place of the line that stands."""
        with contextlib.suppress(OSError):  # a full disk, or nobody who reads, ends no command
            sys.stderr.write(f"\r\x1b[K{text}" if self._stands else text)
            sys.stderr.flush()
