"""What commands say on stderr while they work: lines, the last of which may be passing."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
import time
from datetime import datetime
from typing import Self

PLAIN_PERIOD = 10.0
"""Seconds between two passing lines where nothing can be taken back."""


CLOCK = "%H:%M:%S"

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
"""What ECMA-48 calls control sequences and strings: colours, titles, where the cursor goes."""


class Passing(str):
    """A line that says how far something is, and gives way to the next one."""

    __slots__ = ()


class Needed(str):
    """A line that is told with -q, too: why something failed, or what is to be done now."""

    __slots__ = ()


class Detail(str):
    """A line that is told with -v only."""

    __slots__ = ()


class Status(Detail):
    """What a job or an endpoint is at now. On a terminal, it stands beside the step."""

    __slots__ = ()


class Begins(str):
    """A step begins."""

    __slots__ = ("step",)
    step: str

    def __new__(cls, step: str) -> Self:
        line = super().__new__(cls, f"{step} ...")
        line.step = step
        return line


class Ends(Detail):
    """A step has ended, by itself or because something failed."""

    __slots__ = ("passed", "step")
    step: str
    passed: bool

    def __new__(cls, step: str, seconds: float, *, passed: bool) -> Self:
        line = super().__new__(cls, f"{step}  {seconds:.1f} s")
        line.step, line.passed = step, passed
        return line


def wants_colour() -> bool:
    """Whether a terminal may be written to in colours: unless NO_COLOR says anything at all."""
    return not os.environ.get("NO_COLOR")


def plain(text: str) -> str:
    """Others' words as one line, without what a terminal would act on.

    Their tabs stay; their colours go, and so do the bars that they draw over and over.
    """
    text = _SEQUENCE.sub("", text.rstrip("\r\n").rpartition("\r")[2])
    return "".join(each if each.isprintable() or each == "\t" else " " for each in text)


class Console:
    """Called with each line. On a terminal, a passing line stands until the next.

    Elsewhere only one passing line in ten seconds is told, and each line has its time before it,
    but for those that are needed: what reads an error is to find it as it is.
    """

    def __init__(self) -> None:
        self.quiet = False
        """-q: only what is needed is told."""
        self.verbose = False
        """-v: details are told, too."""
        self.clock = ""
        """How the time stands before each line; by default, only where there is no terminal."""
        self._lock = threading.RLock()  # a signal's handler may speak in between
        self._stands = False
        self._next = 0.0

    def __call__(self, line: str) -> None:
        if not self.is_wanted(line):
            return
        with self._lock:
            if not isinstance(line, Passing):
                self._write(f"{self._time(line)}{line}\n")
                self._stands = False
            elif sys.stderr.isatty():
                room = shutil.get_terminal_size().columns - 1
                self._write(line[:room])
                self._stands = True
            elif time.monotonic() >= self._next:
                self._write(f"{self._time(line)}{line}\n")
                self._next = time.monotonic() + PLAIN_PERIOD

    def is_wanted(self, line: str) -> bool:
        if self.quiet:
            return isinstance(line, Needed)
        return self.verbose or not isinstance(line, Detail)

    def _time(self, line: str) -> str:
        if isinstance(line, Needed) or not (self.clock or not sys.stderr.isatty()):
            return ""
        return f"{datetime.now().astimezone():{self.clock or CLOCK}} "

    def _write(self, text: str) -> None:
        """In place of the line that stands."""
        with contextlib.suppress(OSError):  # a full disk, or nobody who reads, ends no command
            sys.stderr.write(f"\r\x1b[K{text}" if self._stands else text)
            sys.stderr.flush()
