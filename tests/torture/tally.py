"""What an attack has tried, and what went wrong: the lines of the table that `make torture` ends
with.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("5xx", "hangs", "restarts", "leftovers", "escapes", "lost")
"""What must be 0: unexpected server errors, waits over their limit, ends of the service, what
nobody removed, what got out of a container or its folder, and data that is not what it should be.
"""

_EVIDENCE = 20
"""Things that went wrong which are kept in words, of each attack."""


class Tally:
    """An attack's line. Threads may share it."""

    def __init__(self, attack: str) -> None:
        self.attack = attack
        self.tried = 0
        self.wrong: Counter[str] = Counter()
        self.evidence: list[str] = []
        self.megabytes = (0, 0)
        self.seconds = 0.0
        self._lock = threading.Lock()

    def attempt(self, number: int = 1) -> None:
        with self._lock:
            self.tried += number

    def went_wrong(self, kind: str, evidence: str) -> None:
        """Count it under one of `KINDS`."""
        if kind not in KINDS:
            raise ValueError(kind)
        with self._lock:
            self.wrong[kind] += 1
            if len(self.evidence) < _EVIDENCE:
                self.evidence.append(f"{self.attack}: {kind}: {evidence[:500]}")

    @property
    def cells(self) -> list[str]:
        before, after = self.megabytes
        return [
            self.attack,
            f"{self.tried:,}",
            *(str(self.wrong[kind]) for kind in KINDS),
            f"{before} → {after}",
            f"{self.seconds:.0f}",
        ]


def table(tallies: Sequence[Tally]) -> str:
    """The lines as a table in Markdown."""
    head = ["attack", "tried", *KINDS, "memory of the service, MB", "seconds"]
    rows = [head, *(tally.cells for tally in tallies)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"
