"""Regular expressions that somebody else wrote: compiled and matched within bounds.

`regex` writes a repetition out when it compiles: `((a{9999}){9999}){9999}` would be 10¹² nodes of
some 270 bytes. How long it may look for a match it can be told, a line at a time.
"""

from __future__ import annotations

import re

import regex

MAX_SIZE = 250_000
"""Nodes that an expression may compile to at most: 70 MB, for as long as it is in use."""

_REPETITION = re.compile(r"(?P<before>[)\s*+?}]?)(?:\{(?P<count>[0-9]+)|\+)")
"""`{3` or `+`, with what stands before it, if that may be the end of a group."""


def compile(text: str) -> regex.Pattern[str]:  # noqa: A001  # as in `re` and `regex`
    """The expression.

    Raises:
        ValueError: it isn't one, or may be too large; the text says why.
    """
    if size(text) > MAX_SIZE:
        raise ValueError(
            f"its repetitions may come to {_shown(size(text))} parts, and {MAX_SIZE} are allowed: "
            "use smaller counts, or * or + for large ones"
        )
    try:
        # Not in the module's own cache, where it would stay when nobody uses it any more.
        return regex.compile(text, cache_pattern=False)
    except regex.error as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("its groups are nested too deeply") from error


def size(text: str) -> int:
    """The most nodes that an expression can compile to, as if all its repeated groups were nested.

    What must be there is written out, and what may follow once more: `(a){3,10}` is four groups,
    `(a)+` two. Which of these signs repeat nothing only a parser knows, so that all are counted.
    """
    characters, times = len(text), 1
    for match in _REPETITION.finditer(text):
        count = int((match["count"] or "1")[:10])
        if match["before"]:
            times *= count + 1
        else:
            characters += count
    return characters * times


def _shown(number: int) -> str:
    return str(number) if number < 10**9 else "billions of"
