"""The log of a service in the foreground, on the console."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from harness.console import Passing

if TYPE_CHECKING:
    from harness.console import Console


def show_log(console: Console) -> None:
    """Have the console say what the harness logs from now on, and the warnings of others."""
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", handlers=[ConsoleHandler(console)]
    )
    logging.getLogger("harness").setLevel(logging.INFO)


class ConsoleHandler(logging.Handler):
    """Says a log's records; those that are marked as `passing` so."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._console(Passing(line) if getattr(record, "passing", False) else line)
