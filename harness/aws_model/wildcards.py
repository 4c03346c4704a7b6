"""AWS's wildcards: `*` for any text, `?` for one character; anything else is meant as it is.

Not by way of regular expressions, which look for the text of each `*` again and again: twelve of
them and sixty characters take hours, in which Python's lock is held and nothing else runs.
"""

from __future__ import annotations


def matches(pattern: str, text: str, *, one: str = "?") -> bool:
    """Whether the whole text is what the pattern stands for.

    It takes at most as many steps as the pattern is long, each of them at most once over the text.
    `one` is the sign for one character; with none (`""`), a question mark stands for itself.
    """
    first, *others = pattern.split("*")
    if not others:
        return len(text) == len(first) and _is_at(text, 0, first, one)
    *middle, last = others
    begin, end = len(first), len(text) - len(last)
    if begin > end or not _is_at(text, 0, first, one) or not _is_at(text, end, last, one):
        return False
    # The first place for each part is as good as any: it leaves the most room to those after it.
    for part in middle:
        found = _find(text, part, begin, end, one)
        if found is None:
            return False
        begin = found + len(part)
    return True


def _is_at(text: str, start: int, part: str, one: str) -> bool:
    if not one or one not in part:
        return text.startswith(part, start)
    there = text[start : start + len(part)]
    return all(sign in (one, character) for sign, character in zip(part, there, strict=True))


def _find(text: str, part: str, begin: int, end: int, one: str) -> int | None:
    """Where the part first is, within those bounds."""
    if not one or one not in part:
        found = text.find(part, begin, end)
        return None if found < 0 else found
    if len(part) > end - begin:
        return None
    within = text[end - 1 : begin - 1 if begin else None : -1]
    where = {  # for each character a number, whose bit n says whether it is the nth
        sign: int("".join(["01"[sign == character] for character in within]), 2)
        for sign in set(part) - {one}
    }
    starts = (1 << (end - begin - len(part) + 1)) - 1
    for offset, sign in enumerate(part):
        if sign != one:
            starts &= where[sign] >> offset
    return begin + (starts & -starts).bit_length() - 1 if starts else None
