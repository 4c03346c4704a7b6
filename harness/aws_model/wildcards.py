"""AWS's wildcards: `*` for any text, `?` for one character; anything else is meant as it is.

Not by way of regular expressions, which look for the text of each `*` again and again: twelve of
them and sixty characters take hours, in which Python's lock is held and nothing else runs.
"""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Wildcard(enum.Enum):
    """What a sign may stand for."""

    ANY = enum.auto()
    ONE = enum.auto()
    AT_MOST_ONE = enum.auto()


IAM: Mapping[str, Wildcard] = {"*": Wildcard.ANY, "?": Wildcard.ONE}
"""The signs of IAM's policies (`IAM JSON policy elements: Resource` in its user guide)."""


def matches(
    pattern: str, text: str, signs: Mapping[str, Wildcard] = IAM, *, escapable: bool = False
) -> bool:
    """Whether the whole text is what the pattern stands for.

    All ways to read the text are followed at once: it takes one step for each sign of the pattern,
    however many of them are wildcards. `escapable`: a sign after a backslash is meant as it is.
    """

    @functools.cache
    def where(character: str) -> int:
        return int("0" + "".join(["01"[character == each] for each in reversed(text)]), 2)

    everywhere = (2 << len(text)) - 1
    reached = 1  # its bit n: so many characters can be what the pattern has stood for so far
    for sign in _parsed(pattern, signs, escapable=escapable):
        if sign is Wildcard.ANY:
            reached |= -reached  # from the first of them on, all
        elif sign is Wildcard.ONE:
            reached <<= 1
        elif sign is Wildcard.AT_MOST_ONE:
            reached |= reached << 1
        else:
            reached = (reached & where(sign)) << 1
        reached &= everywhere
        if not reached:
            return False
    return bool(reached >> len(text))


def _parsed(
    pattern: str, signs: Mapping[str, Wildcard], *, escapable: bool
) -> Iterator[Wildcard | str]:
    characters = iter(pattern)
    for character in characters:
        if not escapable or character != "\\":
            yield signs.get(character, character)
            continue
        following = next(characters, "")
        if following not in signs and following != "\\":
            yield character
        if following:
            yield following
