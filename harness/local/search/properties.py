"""The properties of what Search finds, by names as `HyperParameters.alpha` or `Tags.team`.

Which there are is what the service model has of the kind's record. Letters of a member's name count
whether they are small or not, as on AWS: its own SDK sorts by `metrics.loss.max`.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.local.search.kinds import Kind, Record

TEXT, NUMBER, TIME, BOOLEAN = "text", "number", "time", "boolean"

ANY = "any"
"""Of values that are numbers where they can be: hyperparameters, and a component's parameters."""

WHOLE = "whole"
"""Of structures, and maps."""

STATISTICS = ("Max", "Min", "Last", "Count", "Avg", "StdDev")
"""Of a trial component's metrics (`TrialComponentMetricSummary`)."""

ORDERED = 500
"""Characters of a text by which it is put in order: the place of a page's end is in its token."""

_TYPES = {
    "string": TEXT, "character": TEXT, "boolean": BOOLEAN, "timestamp": TIME,
    "integer": NUMBER, "long": NUMBER, "float": NUMBER, "double": NUMBER,
}  # fmt: skip

_VALUES = ("NumberValue", "StringValue", "Value")
"""Members that are what a structure comes to where none of its members is asked for."""


@dataclass(frozen=True)
class Property:
    """A property that there is."""

    name: str
    parts: tuple[str, ...]
    type: str
    is_list: bool = False
    """Whether it is a list of structures."""

    @property
    def is_integral(self) -> bool:
        """Whether a whole number that it is compared with makes it one (`Filter` in AWS's API
        reference, of hyperparameters).
        """
        return self.parts[0].lower() == "hyperparameters"

    def values(self, record: Record) -> list[Any]:
        """All that a record has of it: none, one, or those of a list's items."""
        match self.parts[0].lower(), self.parts[1:]:
            case "tags", (*key,) if key:
                return [each["Value"] for each in record["Tags"] if each["Key"] == ".".join(key)]
            case "tags", _:
                return [text for each in record["Tags"] for text in each.values()]
            case "metrics", (*rest,) if rest and self.type == NUMBER:
                return list(_metrics(record, rest))
        found = (_plain(each) for each in _walk(record, self.parts))
        return [each for each in found if each not in (None, {})]

    def items(self, record: Record) -> list[Any]:
        """Those of a list of structures, as they are."""
        return list(_walk(record, self.parts))


def find(kind: Kind, name: str) -> Property:
    """The property of a kind. Raises `ValidationException` if there is none of this name."""
    parts = tuple(name.split("."))
    first = parts[0].lower()
    if first == "tags" and "Tags" in kind.shape.members and all(parts):
        return Property(name, parts, TEXT, is_list=len(parts) == 1)
    if first == "metrics" and len(parts) > 1 and all(parts):
        if "FinalMetricDataList" in kind.shape.members:
            return Property(name, parts, NUMBER)
        metrics: Any = kind.shape.members.get("Metrics")
        if metrics is not None and (len(parts) > 2 or parts[1] not in metrics.member.members):
            return Property(name, parts, NUMBER)
    found = _typed(kind.shape, parts)
    # What a model's record has is one level down, beside its endpoints.
    if found is None and kind.resource == "Model":
        parts = ("Model", *parts)
        found = _typed(kind.shape, parts)
    if found is None:
        raise AwsError("ValidationException", f"Unknown property name: {name}")
    return Property(name, parts, *found)


def _typed(shape: Shape, parts: Sequence[str]) -> tuple[str, bool] | None:
    """The type of what is there by these names, and whether it is a list; None if nothing is."""
    is_list = False
    for place, part in enumerate(parts):
        while isinstance(shape, ListShape):
            shape = shape.member
        if isinstance(shape, MapShape):
            return _of_map(shape, parts[place:])
        if not isinstance(shape, StructureShape):
            return None
        member = next((each for each in shape.members if each.lower() == part.lower()), None)
        if member is None:
            return None
        shape = shape.members[member]
        is_list = isinstance(shape, ListShape)
    while isinstance(shape, ListShape):
        shape = shape.member
    return _TYPES.get(shape.type_name, WHOLE), is_list and isinstance(shape, StructureShape)


def _of_map(shape: MapShape, keys: Sequence[str]) -> tuple[str, bool] | None:
    """The type of what a map has by a key, which may have dots in it."""
    if not all(keys):
        return None
    value = shape.value
    if not isinstance(value, StructureShape):
        return ANY if value.type_name == "string" else _TYPES.get(value.type_name, WHOLE), False
    member = value.members.get(keys[-1]) if len(keys) > 1 else None
    if member is not None:
        return _TYPES.get(member.type_name, WHOLE), False
    return (TEXT if "Value" in value.members else ANY), False


def _walk(value: Any, parts: Sequence[str]) -> Iterator[Any]:
    """What is in a value by these names, in each item of lists on the way."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _walk(each, parts)
    elif not parts:
        yield value
    elif isinstance(value, dict):
        for count in range(len(parts), 0, -1):
            key = ".".join(parts[:count])
            if key in value:
                yield from _walk(value[key], parts[count:])
                return
        small = parts[0].lower()
        for key, each in value.items():
            if key.lower() == small:
                yield from _walk(each, parts[1:])
                return


def _plain(value: Any) -> Any:
    """What a structure of one value comes to."""
    if isinstance(value, dict):
        return next((value[each] for each in _VALUES if each in value), value)
    return value


def _metrics(record: Record, rest: Sequence[str]) -> Iterator[float]:
    """The values of a metric: of a training job the last, of a component a statistic."""
    name = ".".join(rest)
    for each in record.get("FinalMetricDataList") or ():
        if each["MetricName"] == name:
            yield each["Value"]
    statistic = next((each for each in STATISTICS if each.lower() == rest[-1].lower()), None)
    for each in record.get("Metrics") or ():
        if each["MetricName"] == name:
            yield each["Last"]
        elif (
            statistic and each["MetricName"] == ".".join(rest[:-1]) and each[statistic] is not None
        ):
            yield each[statistic]


def number(value: Any) -> float:
    """A number, or the text of one. Raises `ValueError`."""
    found = float(value) if isinstance(value, str | int | float) else math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise ValueError(value)
    return found


def time(value: Any) -> datetime:
    """A time, or the ISO 8601 text of one, which is UTC if it doesn't say. Raises `ValueError`."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def order(value: Any) -> str:
    """A text that stands to those of other values as the value does to them."""
    if isinstance(value, datetime):
        return f"t{time(value).astimezone(UTC).isoformat(timespec='microseconds')}"
    try:
        size = number(value)
    except ValueError:
        return f"z{str(value)[:ORDERED]}"
    bits = int.from_bytes(struct.pack(">d", size + 0.0), "big")
    bits = bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63
    return f"n{bits:016x}"


def names(kind: Kind, records: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    """The names of properties: those that the model has, and those of the records' own maps."""
    yield from _leaves(kind.shape, "", ())
    for record in records:
        for tag in record["Tags"]:
            yield f"Tags.{tag['Key']}"
        for member in ("HyperParameters", "Environment", "Parameters"):
            for key in record.get(member) or ():
                yield f"{member}.{key}"
        for metric in record.get("FinalMetricDataList") or ():
            yield f"Metrics.{metric['MetricName']}"
        for metric in record.get("Metrics") or ():
            for statistic in STATISTICS:
                yield f"Metrics.{metric['MetricName']}.{statistic}"


def _leaves(shape: Shape, above: str, seen: tuple[str, ...]) -> Iterator[str]:
    while isinstance(shape, ListShape):
        shape = shape.member
    if isinstance(shape, StructureShape) and shape.name not in seen:
        for name, member in shape.members.items():
            yield from _leaves(member, f"{above}.{name}" if above else name, (*seen, shape.name))
    elif shape.type_name in _TYPES:
        yield above
