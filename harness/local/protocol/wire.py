"""Values of a service model's shapes as they go over the wire: JSON, headers, event streams."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from botocore.model import ListShape, MapShape, Shape, StructureShape

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

# AWS's words for a value of the wrong type are those of its Java JSON parser.
_JAVA_TYPES = {
    "string": "a String",
    "boolean": "a Boolean",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "timestamp": "milliseconds since epoch",
    "blob": "a ByteBuffer",
}
_INTEGERS = {"integer": 1 << 31, "long": 1 << 63}
"""The models' integers are Java's: from the negative of this up to less than it."""
_FLOATS = {"float": 3.4028234663852886e38, "double": float.fromhex("0x1.fffffffffffffp+1023")}
"""The largest finite values of Java's types."""

MAX_ELEMENTS = 250_000
"""Members and elements that a JSON request may have. In memory an empty one is 70 bytes, where the
request has two or three for it."""

_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,20}")

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""What one half of a character is written as in JSON."""


def parse_document(shape: StructureShape, body: bytes) -> dict[str, Any]:
    """A JSON request. Its numbers are finite, and as large as their members' types take."""
    try:
        parsed: dict[str, Any] = _from_json(shape, _document(body) if body else {})
    except (ValueError, RecursionError) as error:
        raise _serialization_error(f"The request body is not valid JSON: {error}") from error
    return parsed


def _document(body: bytes) -> Any:
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_ELEMENTS:
        raise ValueError(f"it has more than {MAX_ELEMENTS} elements")
    found = json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    if _SURROGATE.search(body):  # which without the other can't be written anywhere
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{str(value)[:100]} is not a finite number")
    return number


def _from_json(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        document = _expect(dict, value, "Expected null")
        return {
            name: _from_json(member, item)
            for name, member in shape.members.items()
            if (item := document.get(member.serialization.get("name", name))) is not None
        }
    if isinstance(shape, ListShape):
        items = _expect(list, value, "Expected list or null")
        return [None if item is None else _from_json(shape.member, item) for item in items]
    if isinstance(shape, MapShape):
        entries = _expect(dict, value, "Expected map or null")
        return {
            key: None if item is None else _from_json(shape.value, item)
            for key, item in entries.items()
        }
    return _from_json_scalar(shape.type_name, value)


def _expect(kind: type, value: Any, otherwise: str) -> Any:
    if isinstance(value, kind):
        return value
    _refuse_container(value)
    raise _serialization_error(otherwise)


def _refuse_container(value: Any) -> None:
    if isinstance(value, list):
        raise _serialization_error("Start of list found where not expected")
    if isinstance(value, dict):
        raise _serialization_error("Start of structure or map found where not expected.")


def _from_json_scalar(kind: str, value: Any) -> Any:
    _refuse_container(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "integer" | "long" if (
            number and -_INTEGERS[kind] <= value < _INTEGERS[kind] and value == value // 1
        ):
            return int(value)
        case "float" | "double" if number and -_FLOATS[kind] <= value <= _FLOATS[kind]:
            return float(value)
        case "timestamp" if number:
            try:
                return datetime.fromtimestamp(value, UTC)
            except (ValueError, OverflowError, OSError):
                pass
        case "blob" if isinstance(value, str):
            try:
                return base64.b64decode(value, validate=True)
            except binascii.Error:
                pass
    raise _serialization_error(f"{_token(value)} can not be converted to {_JAVA_TYPES[kind]}")


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    return "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"


def parse_rest(
    shape: StructureShape, headers: Mapping[str, str], labels: Mapping[str, str], body: Any
) -> dict[str, Any]:
    """A rest-json request whose members are in the path, in headers, or are the whole body.

    SageMaker Runtime has no others (no query string, no JSON document), and SageMaker Metrics has
    documents only.
    """
    parsed: dict[str, Any] = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if location == "uri":
            parsed[name] = labels[key]
        elif location == "header" and key.lower() in headers:
            parsed[name] = _from_text(member.type_name, headers[key.lower()])
        elif name == shape.serialization.get("payload") and (
            body or name in shape.required_members
        ):
            parsed[name] = body
    return parsed


def _from_text(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if _WHOLE_NUMBER.fullmatch(text):
        number = int(text)
        if -_INTEGERS[kind] <= number < _INTEGERS[kind]:
            return number
    raise _serialization_error(f"STRING_VALUE can not be converted to {_JAVA_TYPES[kind]}")


def _serialization_error(message: str) -> AwsError:
    return AwsError("SerializationException", message)


def to_json(shape: Shape, value: Any, *, top: bool = False) -> Any:
    """`value` as it goes into JSON; None for what has no value."""
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        document = {
            member.serialization.get("name", name): item
            for name, member in shape.members.items()
            if value.get(name) is not None and (item := to_json(member, value[name])) is not None
        }
        return document if document or top else None
    if isinstance(shape, ListShape):
        must_be(list | tuple, value, shape)
        return [{} if (i := to_json(shape.member, item)) is None else i for item in value]
    if isinstance(shape, MapShape):
        return {
            key: item
            for key, member in value.items()
            if member is not None and (item := to_json(shape.value, member)) is not None
        }
    match shape.type_name:
        case "timestamp":
            return _epoch(value)
        case "blob":
            return base64.b64encode(value).decode()
        case "string":
            return str(must_be(str, value, shape))
        case "boolean":
            return must_be(bool, value, shape)
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return _finite(value)
    return value


def must_be(kind: Any, value: Any, shape: Shape) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{shape.name} is a {shape.type_name}, and a provider gave it {value!r}.")
    return value


def _epoch(value: datetime) -> float:
    """Seconds with milliseconds, as AWS's JSON protocols have it; a naive time is in UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return round(aware.timestamp(), 3)


def serialise_headers(shape: StructureShape, result: Mapping[str, Any]) -> dict[str, str]:
    return {
        header: str(value)
        for name, header in _header_members(shape)
        if (value := result.get(name)) is not None
    }


@functools.lru_cache(maxsize=64)
def _header_members(shape: StructureShape) -> list[tuple[str, str]]:
    """The members that go into headers, and the names of those."""
    return [
        (name, member.serialization["name"])
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    ]


def serialise_events(
    shape: StructureShape, result: Mapping[str, Any], on_fault: Callable[[], AwsError]
) -> Generator[bytes, None, None]:
    """The messages of an event stream, each as soon as the provider has it.

    `on_fault` makes of an exception that nobody expected, and is being handled, the error that
    the stream ends with.
    """
    encoder = _Encoder(shape, on_fault)
    stream: Iterable[Mapping[str, Any]] = result.get(encoder.name, ())
    try:
        for event in stream:
            yield encoder.event(event)
    except Exception as error:  # noqa: BLE001  # on_fault logs it with its traceback
        yield encoder.exception(error)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


@runtime_checkable
class Events(Protocol):
    """The events of a stream that are made in the loop."""

    async def next(self) -> Mapping[str, Any] | None:
        """The next one; None at the end. Raises `AwsError`, with which the stream ends."""

    async def close(self) -> None:
        """Give up what is behind it."""


class EventPieces:
    """The same, in the loop, of `Events`: the `Pieces` of a response."""

    def __init__(
        self, shape: StructureShape, result: Mapping[str, Any], on_fault: Callable[[], AwsError]
    ) -> None:
        self._encoder = _Encoder(shape, on_fault)
        self._events: Events = result[self._encoder.name]
        self._has_failed = False

    async def next(self) -> bytes | None:
        if self._has_failed:
            return None
        try:
            event = await self._events.next()
            return None if event is None else self._encoder.event(event)
        except Exception as error:  # noqa: BLE001  # on_fault logs it with its traceback
            self._has_failed = True
            return self._encoder.exception(error)

    async def close(self) -> None:
        await self._events.close()


class _Encoder:
    """Makes the messages of an event stream."""

    def __init__(self, shape: StructureShape, on_fault: Callable[[], AwsError]) -> None:
        # Imported here, since this brings moto with it, which nothing else on the way needs.
        from moto.core.eventstream import EventStreamEncoder

        self._encoder = EventStreamEncoder()
        self._on_fault = on_fault
        self.name = str(shape.event_stream_name)
        union = cast("StructureShape", shape.members[self.name])
        self._kinds = cast("Mapping[str, StructureShape]", union.members)

    def event(self, event: Mapping[str, Any]) -> bytes:
        ((kind, members),) = event.items()
        shape = self._kinds[kind]
        headers = {":message-type": "event", ":event-type": kind}
        for name, member in shape.members.items():
            if member.serialization.get("eventpayload") and member.type_name == "blob":
                headers[":content-type"] = "application/octet-stream"
                return bytes(self._encoder.encode_message(headers, members[name]))
        headers[":content-type"] = "application/json"
        document = json.dumps(to_json(shape, members, top=True))
        return bytes(self._encoder.encode_message(headers, document.encode()))

    def exception(self, error: Exception) -> bytes:
        """What a stream ends with; of what isn't AWS's, while it is being handled."""
        if not isinstance(error, AwsError):
            error = AwsError("InternalStreamFailure", self._on_fault().message)
        elif error.code not in self._kinds:  # which a client would take for no error
            error = AwsError("InternalStreamFailure", error.message)
        headers = {
            ":message-type": "exception",
            ":exception-type": error.code,
            ":content-type": "application/json",
        }
        document = json.dumps({"Message": error.message, **error.members})
        return bytes(self._encoder.encode_message(headers, document.encode()))
