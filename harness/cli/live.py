"""What a command says on a terminal while it works: its step as it goes, below what it has said."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from harness.console import Begins, Console, Ends, Needed, Passing, Status

if TYPE_CHECKING:
    from rich.console import Console as Screen
    from rich.live import Live
    from rich.text import Text

_PER_SECOND = 8
"""How often the line of the step is drawn."""

_CONTAINER = "  | "
"""What stands before the lines of containers."""


class LiveConsole(Console):
    """A console that shows, on a terminal, the step that is under way, and its time.

    What the step's job is at, and how far its data is, stands beside it. Elsewhere, and on a
    terminal that can't go back, it is `Console`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._live: Live | None = None
        self._step: _Step | None = None

    def __call__(self, line: str) -> None:
        with self._lock:
            if isinstance(line, Begins) and not self.quiet and _is_capable():
                self._begin(line.step)
            elif self._live is None or self._step is None:
                super().__call__(line)
            elif isinstance(line, Ends):
                self._end(self._live, line)
            elif isinstance(line, (Passing, Status)):
                self._step.note(line)
            elif self.is_wanted(line):
                _print(self._live.console, line)

    def close(self) -> None:
        """Show no step any more, though it has not ended."""
        with self._lock:
            live, self._live, self._step = self._live, None, None
            if live is not None:
                live.stop()

    def _begin(self, step: str) -> None:
        from rich.console import Console as Screen
        from rich.live import Live

        self.close()
        self._step = _Step(step)
        screen = Screen(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(
            self._step, console=screen, refresh_per_second=_PER_SECOND, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._live.start()

    def _end(self, live: Live, line: Ends) -> None:
        from rich.text import Text

        self.close()
        mark, style = ("✓", "green") if line.passed else ("✗", "red")
        live.console.print(Text.assemble((f"{mark} ", style), str(line)))


class _Step:
    """The line of a step, as it is when it is drawn."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = time.monotonic()
        self._status = ""
        self._passing = ""

    def note(self, line: str) -> None:
        if isinstance(line, Status):
            self._status, self._passing = line.strip(), ""
        else:
            self._passing = line.strip()

    def __rich__(self) -> Text:
        from rich.text import Text

        seconds = time.monotonic() - self._start
        frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        frame = frames[int(seconds * _PER_SECOND) % len(frames)]
        parts = [f"{seconds:.0f} s", *filter(None, (self._status, self._passing))]
        return Text.assemble(
            (f"{frame} ", "cyan"), (self._name, "bold"), f"  {'  '.join(parts)}",
            no_wrap=True, overflow="ellipsis",
        )  # fmt: skip


def _print(screen: Screen, line: str) -> None:
    from rich.text import Text

    if line.startswith(_CONTAINER):
        text = Text.assemble((_CONTAINER, "dim cyan"), line.removeprefix(_CONTAINER))
    else:
        text = Text(line, "bold" if isinstance(line, Needed) else "")
    screen.print(text, soft_wrap=True)


def _is_capable() -> bool:
    """Whether stderr is a terminal that can go back to the beginning of a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
