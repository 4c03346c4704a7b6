"""JSON documents, and paths into them: `a[0].b`, `Outputs['train'].S3Uri`."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

Part = str | int
"""A member's name, or a place in a list."""

_PART = re.compile(
    r"""\.?(?:(?P<name>[^.\[\]'"]+)|\[(?P<index>\d+)\]|\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\])"""
)


def document(text: str | bytes) -> Any:
    """What a document says.

    Raises `ValueError` or `RecursionError` if it is no JSON, as which Python takes more than AWS:
    numbers that are none, and halves of surrogate pairs, which no text can be sent with.
    """
    found = json.loads(text, parse_constant=_no_number, parse_float=_number)
    json.dumps(found, ensure_ascii=False).encode()
    return found


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON's")


def parse(path: str) -> list[Part]:
    """The path's parts; a `$` in front of it is the document itself.

    Raises `ValueError` if it is no path.
    """
    parts: list[Part] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        found = _PART.match(path, at)
        if found is None:
            raise ValueError(f"{path!r} is no path: what begins with {path[at:]!r} isn't read")
        index = found["index"]
        parts.append(int(index) if index is not None else found["name"] or found["key"] or "")
        at = found.end()
    return parts


def look_up(document: Any, parts: Sequence[Part]) -> Any:
    """What stands in the document at a path.

    A name picks of a list the item that is called so (`OutputName`, `ChannelName`, …), as property
    references do. Raises `LookupError` if nothing does.
    """
    value = document
    for part in parts:
        value = _member(value, part)
    return value


def _member(value: Any, part: Part) -> Any:
    if isinstance(value, dict) and str(part) in value:
        return value[str(part)]
    if isinstance(value, list):
        if isinstance(part, int) and part < len(value):
            return value[part]
        for each in value:
            if isinstance(each, dict) and part in (
                text for name, text in each.items() if name.endswith("Name")
            ):
                return each
    raise LookupError(f"there is no {part!r}")
