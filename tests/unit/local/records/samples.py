"""Requests that the shapes of SageMaker's model allow, with values that their patterns match."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from harness.local.protocol import validation

# Python has its parser of regular expressions in another place from 3.11 on.
from re import _parser  # type: ignore[attr-defined]  # isort: skip

WORDS = ("none", "none-none-none-none-none", "s3://bucket/none", "a" * 64, "123456789012")


def sample(
    shape: Shape, name: str = "", *, whole: bool = False, above: tuple[str, ...] = ()
) -> Any:
    """A value of the shape, with no more than it must have or with all of its members."""
    if isinstance(shape, StructureShape):
        names = list(shape.members) if whole and shape.name not in above else []
        if shape.is_tagged_union:
            names = [*shape.required_members, *shape.members][:1]
        return {
            each: sample(shape.members[each], each, whole=whole, above=(*above, shape.name))
            for each in dict.fromkeys([*shape.required_members, *names])
        }
    if isinstance(shape, ListShape):
        item = sample(shape.member, name, whole=whole, above=above)
        return [item] * max(1, shape.metadata.get("min", 1))
    if isinstance(shape, MapShape):
        key = sample(shape.key, "", whole=whole)
        return {key: sample(shape.value, "", whole=whole, above=above)}
    match shape.type_name:
        case "string":
            return text(shape, name)
        case "boolean":
            return True
        case "blob":
            return b"x"
        case "timestamp":
            return datetime(2026, 1, 2, tzinfo=UTC)
    least = max(1, shape.metadata.get("min", 1))
    return float(least) if shape.type_name in ("float", "double") else least


def text(shape: Shape, name: str = "") -> str:
    """A text that the shape allows; one that says what it is, if it may."""
    if isinstance(shape, StringShape) and shape.enum:
        return str(shape.enum[0])
    short = shortest(shape.metadata.get("pattern", "x"))
    words = [f"a-{name}"[:63], *WORDS, short, short.ljust(shape.metadata.get("min", 0), "a")]
    fits = [each for each in words if validation.check(shape, each) is None]
    assert fits, f"no text for {shape.name}: {shape.metadata}"
    return fits[0]


@functools.cache
def shortest(pattern: str) -> str:
    """A text that matches a pattern, as short as its repetitions allow."""
    try:
        return _text_of(_parser.parse(re.sub(r"\\p\{\w+\}", "a", pattern)))
    except re.error:
        return ""


def _text_of(parts: Any) -> str:
    return "".join(_part(str(kind), value) for kind, value in parts)


def _part(kind: str, value: Any) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "ANY" | "NOT_LITERAL":
            return "x"
        case "IN":
            return _of_class(value)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, _, inner = value
            return _text_of(inner) * least
        case "SUBPATTERN":
            return _text_of(value[-1])
        case "BRANCH":
            return _text_of(value[1][0])
    return ""  # an assertion, or an end


def _of_class(items: Any) -> str:
    (kind, value), *_ = items
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[0])
        case "NEGATE":
            return "x"
    return "1" if "DIGIT" in str(value) else "x"
