"""The constraints of a botocore service model, checked and reported in AWS's words.

AWS checks a request in two steps. A value of the wrong type is a `SerializationException`, which
`wire` raises while it parses. Everything else that the model states is collected here: required
members, enums, patterns, lengths, ranges.
"""

from __future__ import annotations

import functools
import itertools
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

import regex
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_log = logging.getLogger(__name__)

MATCH_TIMEOUT = 1.0
"""Seconds that one pattern may take. Only a value that does not match can take longer."""

MOST = 100
"""Errors of a request that are told; a request can have them by the hundred thousand."""

LONG = 10_000
"""Characters of a value that is too long and whose match with a pattern isn't looked at, too."""

SHORT = 256
"""Characters of a value whose match with a pattern is remembered."""

# Java's classes that the model's patterns use and that are ASCII there and Unicode here
# (java.util.regex.Pattern, "POSIX character classes" and "Predefined character classes").
_JAVA_CLASSES = {
    r"\p{ASCII}": r"\x00-\x7F",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{Alpha}": "a-zA-Z",
    r"\p{Digit}": "0-9",
    r"\p{Graph}": r"\x21-\x7E",
    r"\p{Lower}": "a-z",
    r"\p{Print}": r"\x20-\x7E",
    r"\p{Punct}": r"!-/:-@\[-`{-~",
    r"\p{Space}": r" \t\n\x0B\f\r",
    r"\p{Upper}": "A-Z",
    r"\d": "0-9",
    r"\s": r" \t\n\x0B\f\r",
    r"\w": "a-zA-Z_0-9",
    r"\D": r"\x00-/:-\U0010FFFF",
    r"\S": r"\x00-\x08\x0E-\x1F!-\U0010FFFF",
    r"\W": r"\x00-/:-@\[-\^`{-\U0010FFFF",
}
# Two UTF-16 halves of a range, as Java 1.4 wrote what is beyond the basic plane.
_SURROGATE_RANGE = r"\uD800\uDC00-\uDBFF\uDFFF"
_JAVA_TOKEN = regex.compile(r"\\[pP]\{\w+\}|\\.|.", regex.DOTALL)
_LINE_TERMINATORS = r"\n\r\x85\u2028\u2029"


def check(shape: Shape, value: Any) -> str | None:
    """The message AWS answers if `value` breaks constraints of `shape`, or None.

    `value` is parsed: timestamps are `datetime`, blobs `bytes`, absent members are not there.
    """
    found = list(itertools.islice(_violations(shape, value, ""), MOST))
    if not found:
        return None
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    yield from (_violation(shape, value, path, text) for text in _broken(shape, value))
    if isinstance(shape, StructureShape):
        yield from _in_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _in_list(shape, value, path)
    elif isinstance(shape, MapShape):
        yield from _in_map(shape, value, path)


def _in_structure(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        if name in value:
            yield from _violations(member, value[name], _member(path, name))
        elif name in shape.required_members:
            yield _violation(member, None, _member(path, name), "Member must not be null")


def _member(path: str, name: str) -> str:
    """ "TrainingJobName" is at 'trainingJobName', its member "X" at 'trainingJobName.x'."""
    return ".".join(filter(None, (path, name[:1].lower() + name[1:])))


def _in_list(shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
    if _is_scalar(shape.member):
        # AWS reports the list, once, with all constraints of an element, whichever is broken.
        if any(_is_broken(shape.member, item) for item in value):
            text = f"Member must satisfy constraint: [{_constraints(shape.member)}]"
            yield _violation(shape, value, path, text)
        return
    for index, item in enumerate(value, 1):
        where = f"{path}.{index}.member"
        if item is None:
            yield _violation(shape.member, None, where, "Member must not be null")
        else:
            yield from _violations(shape.member, item, where)


def _in_map(shape: MapShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    if any(_is_broken(shape.key, key) for key in value):
        text = f"Map keys must satisfy constraint: [{_constraints(shape.key)}]"
        yield _violation(shape, value, path, text)
    if _is_scalar(shape.value):
        if any(_is_broken(shape.value, item) for item in value.values()):
            text = f"Map value must satisfy constraint: [{_constraints(shape.value)}]"
            yield _violation(shape, value, path, text)
        return
    for key, item in value.items():
        where = f"{path}.{key}.member"
        if item is None:
            yield _violation(shape.value, None, where, "Member must not be null")
        else:
            yield from _violations(shape.value, item, where)


def _is_scalar(shape: Shape) -> bool:
    return shape.type_name not in {"structure", "list", "map"}


def _is_broken(shape: Shape, value: Any) -> bool:
    return value is None or any(True for _ in _broken(shape, value))


def _constraints(shape: Shape) -> str:
    """All constraints of an element, in AWS's order; there may be none but that it is there."""
    bounds = shape.metadata
    kind = _measure(shape)
    texts = []
    if isinstance(shape, StringShape) and shape.enum:
        texts.append(_enum_text(shape.enum))
    if "max" in bounds:
        texts.append(f"Member must have {kind} less than or equal to {bounds['max']}")
    if "min" in bounds:
        texts.append(f"Member must have {kind} greater than or equal to {bounds['min']}")
    if "pattern" in bounds:
        texts.append(f"Member must satisfy regular expression pattern: {bounds['pattern']}")
    return ", ".join(texts or ["Member must not be null"])


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints of `shape` itself, without those of its members, that `value` breaks."""
    bounds = shape.metadata
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield _enum_text(shape.enum)
    unseen = False
    if "min" in bounds or "max" in bounds:
        kind = _measure(shape)
        size = value if kind == "value" else len(value)
        if "max" in bounds and size > bounds["max"]:
            yield f"Member must have {kind} less than or equal to {bounds['max']}"
            unseen = size > LONG
        if "min" in bounds and size < bounds["min"]:
            yield f"Member must have {kind} greater than or equal to {bounds['min']}"
    if "pattern" in bounds and not unseen and not _matches(bounds["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {bounds['pattern']}"
    if isinstance(shape, StructureShape) and shape.is_tagged_union and len(value) != 1:
        yield f"Exactly one member must be set: [{', '.join(shape.members)}]"


def _measure(shape: Shape) -> str:
    return "value" if shape.type_name in {"integer", "long", "float", "double"} else "length"


def _enum_text(values: Iterable[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def _violation(shape: Shape, value: Any, path: str, text: str) -> str:
    if value is None:
        shown = "Value null"
    elif _is_secret(shape):
        shown = "Value"
    else:
        shown = f"Value '{_render(shape, value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {text}"


def _is_secret(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive")) or shape.type_name == "blob"


def _render(shape: Shape, value: Any) -> str:
    """`value` as Java's toString() gives it, which is what AWS echoes."""
    if value is None:
        return "null"
    if _is_secret(shape):
        return "***Sensitive Data Redacted***"
    if isinstance(shape, StructureShape):
        members = (
            f"{name[:1].lower()}{name[1:]}={_render(shape.members[name], item)}"
            for name, item in value.items()
        )
        return f"{shape.name}({', '.join(members)})"
    if isinstance(shape, ListShape):
        return f"[{', '.join(_render(shape.member, item) for item in value)}]"
    if isinstance(shape, MapShape):
        items = (
            f"{_render(shape.key, key)}={_render(shape.value, item)}" for key, item in value.items()
        )
        return f"{{{', '.join(items)}}}"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _matches(pattern: str, value: str) -> bool:
    # Short values come again with each request: names, content types.
    return _known(pattern, value) if len(value) <= SHORT else _is_match(pattern, value)


def _is_match(pattern: str, value: str) -> bool:
    compiled = _compile(pattern)
    if compiled is None:
        return True
    try:
        return compiled.fullmatch(value, timeout=MATCH_TIMEOUT, concurrent=True) is not None
    except TimeoutError:
        return False


_known = functools.lru_cache(maxsize=1024)(_is_match)


@functools.cache
def _compile(pattern: str) -> regex.Pattern[str] | None:
    try:
        return regex.compile(_from_java(pattern))
    except regex.error as error:
        _log.warning("The service model's pattern %r is not checked: %s", pattern, error)
        return None


def _from_java(pattern: str) -> str:
    """The same pattern for Python's `regex`: what differs are classes and line terminators."""
    pattern = pattern.replace(_SURROGATE_RANGE, r"\U00010000-\U0010FFFF")
    written = []
    in_class = False
    for part in _JAVA_TOKEN.findall(pattern):
        if part == "[":
            in_class = True
        elif part == "]":
            in_class = False
        if part in _JAVA_CLASSES:
            characters = _JAVA_CLASSES[part]
            written.append(characters if in_class else f"[{characters}]")
        elif part == "." and not in_class:
            written.append(f"[^{_LINE_TERMINATORS}]")
        elif part == r"\z":
            written.append(r"\Z")
        else:
            written.append(part)
    return "".join(written)
