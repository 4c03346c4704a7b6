"""What is wrong with a csv of numbers, as somebody who looks at it would say: which row, and where.

Rows are counted from 1, as an editor counts lines. What numpy.loadtxt says itself counts some of
them from 0, and others from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_VALUE = 40
"""Characters of a value that are shown."""


def rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows with anything in them: their numbers, and their values."""
    for number, line in enumerate(lines, 1):
        if line.strip("\r\n"):
            yield number, line.rstrip("\r\n").split(",")


def wrong(lines: Iterable[str]) -> str:
    """The first row that isn't as many numbers as the one before; empty if all of them are."""
    first, width = 0, 0
    for number, values in rows(lines):
        for column, value in enumerate(values, 1):
            if not _is_number(value):
                return f"row {number}, column {column} holds {_shown(value)}, which is no number"
        if not first:
            first, width = number, len(values)
        elif len(values) != width:
            return f"row {number} has {_counted(len(values))}, row {first} has {_counted(width)}"
    return ""


def _counted(values: int) -> str:
    return "1 value" if values == 1 else f"{values} values"


def _is_number(value: str) -> bool:
    """Whether numpy reads it. Python's `float` takes more: other scripts' digits, underscores."""
    try:
        float(value)
    except ValueError:
        return False
    return value.strip().isascii() and "_" not in value


def _shown(value: str) -> str:
    if not value.strip():
        return "nothing"
    return repr(value.strip() if len(value) <= MAX_VALUE else value.strip()[:MAX_VALUE] + "…")
