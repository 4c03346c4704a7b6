"""The log of a service in the foreground, on the console."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from harness.console import CLOCK, Needed, Passing

if TYPE_CHECKING:
    from harness.console import Console

_DATE = f"%Y-%m-%d {CLOCK}"
"""In a log file, which may be some days old."""


def show_log(console: Console) -> None:
    """Have the console say what the harness logs from now on, and the warnings of others.

    Quiet, it says warnings only; verbose, each call to the local AWS, too.
    """
    console.clock = CLOCK if sys.stderr.isatty() else _DATE
    logging.basicConfig(format="%(message)s", handlers=[ConsoleHandler(console)])
    logging.getLogger("harness").setLevel(logging.DEBUG if console.verbose else logging.INFO)


class ConsoleHandler(logging.Handler):
    """Says a log's records; those that are marked as `passing` so."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._warnings = logging.Formatter("%(asctime)s %(levelname)s %(message)s", console.clock)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._console(Needed(self._warnings.format(record)))
            return
        line = self.format(record)
        self._console(Passing(line) if getattr(record, "passing", False) else line)
