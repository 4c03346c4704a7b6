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

_LIMIT = r"(?:[0-9]+<=?)?[0-9]*[dise](?:\+[0-9]*[dise])*(?:<=?[0-9]+)?"
_EXTENSION = re.compile(
    r"\\(?:[pPN]\{|.)"  # is none, whatever follows
    r"|\(\?(?:(?P<verbose>[A-Za-z0-9]*x)|(?P<recursion>R|\s*[+-]?\s*[0-9]|\s*&|\s*P\s*[>&]))"
    rf"|(?P<fuzzy>\{{{_LIMIT}(?:,{_LIMIT})*[:}}])",
    re.DOTALL,
)
"""Those of the library's extensions whose cost can't be told from the text, or bounded."""


def compile(text: str) -> regex.Pattern[str]:  # noqa: A001  # as in `re` and `regex`
    """The expression.

    Raises:
        ValueError: it isn't one, or may be too large; the text says why.
    """
    _check_extensions(text)
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


def _check_extensions(text: str) -> None:
    used = {match.lastgroup for match in _EXTENSION.finditer(text)}
    if "verbose" in used and any(sign in text for sign in "{#"):
        raise ValueError("with the flag x, which skips blanks, { and # are not allowed")
    if "recursion" in used:
        raise ValueError("it calls a group, or itself, which is not allowed")
    if "fuzzy" in used:
        raise ValueError("it matches approximately ({e<=1}), which is not allowed")


def size(text: str) -> int:
    """The most nodes that an expression can compile to, as if all its repeated groups were nested.

    What must be there is written out, and what may follow once more: `(a){3,10}` is four groups,
    `(a)+` two. Which of these signs repeat nothing only a parser knows, so that all are counted.
    It holds for those that `compile` takes, in which no blank parts a count.
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
