"""Filters and the join of batch transform: which parts of a record are sent, kept and joined.

They stand in AWS's API reference (`DataProcessing`) and in its developer guide ("Associate
Prediction Results with Input Records").
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.data.records import MAX_PAYLOAD, RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
FORMATS = (CSV, JSON, JSON_LINES)

OUTPUT_KEY = "SageMakerOutput"
INPUT_KEY = "SageMakerInput"

# The module's own limit is 128 KB for a field, of which an image in Base64 has more.
csv.field_size_limit(MAX_PAYLOAD)


class Path:
    """A JSONPath with the operators that batch transform knows.

    `$`, `.name`, `['name','name']`, `[1,-1]`, `[1:4]`, `*`. Both ends of a slice belong to it:
    `[1:4]` is the second to the fifth element (the developer guide says so, unlike JSONPath's
    other implementations). Several names make an object of them, several indexes an array.
    """

    _OPERATORS = "$[]*. ,:-'"
    _STEP = re.compile(
        r"\.?\[\s*(?P<inside>\*|'[^']*'(?:\s*,\s*'[^']*')*|[-\d:,\s]+)\s*\]"
        r"|\.(?P<name>\*|[^.\[\]*$,:']+)"
    )
    _INDEX = re.compile(r"-?\d+|(?:-?\d+)?\s*:\s*(?:-?\d+)?")

    def __init__(self, text: str, steps: list[Any]) -> None:
        self.text = text
        self.steps = steps

    @classmethod
    def parse(cls, text: str, content_type: str) -> Path:
        """Raises `RecordError` with what is wrong with it for data of this type."""
        strange = [c for c in text if not (c.isalnum() or c in cls._OPERATORS)]
        if strange:
            # AWS's words, and AWS's rule: it takes no underscore either (aws/aws-sdk issue 184).
            operators = ", ".join(f"'{operator}'" for operator in cls._OPERATORS)
            raise RecordError(
                f'Unexpected "{strange[0]}" in JsonPath. Supported operators for '
                f'"{content_type}" are [{operators}]'
            )
        if not text.strip().startswith("$"):
            raise RecordError("A JsonPath begins with $")
        text, at = text.strip(), 1
        steps: list[Any] = []
        while at < len(text):
            match = cls._STEP.match(text, at)
            if match is None:
                raise RecordError(f'"{text[at:]}" is not part of a JsonPath that is supported')
            steps.append(cls._step(match["inside"] or "", match["name"]))
            at = match.end()
        if any(isinstance(step, tuple) and isinstance(step[0], str) for step in steps[:-1]):
            raise RecordError("Several names are supported at the end of a JsonPath only")
        names = any(isinstance(each, str) and each != "*" for step in steps for each in _all(step))
        if kind(content_type) == CSV and (names or len(steps) > 1):
            raise RecordError("For CSV data only index based JSONPaths can be applied, as $[1:]")
        return cls(text, steps)

    @classmethod
    def _step(cls, inside: str, name: str | None) -> Any:
        """A name, several; an index, several indexes and slices; or `*`."""
        if name is not None:
            return name.strip()
        if inside == "*":
            return inside
        if inside.startswith("'"):
            names = tuple(re.findall(r"'([^']*)'", inside))
            return names if len(names) > 1 else names[0]
        items = [item.strip() for item in inside.split(",")]
        if not all(cls._INDEX.fullmatch(item) for item in items):
            raise RecordError(f'"[{inside}]" is not part of a JsonPath that is supported')
        indexes = tuple(
            tuple(int(end) if end.strip() else None for end in item.split(":"))
            if ":" in item
            else int(item)
            for item in items
        )
        only = indexes[0]
        return only if len(indexes) == 1 and isinstance(only, int) else indexes

    @property
    def is_root(self) -> bool:
        return not self.steps

    def apply(self, value: Any) -> Any:
        """What it selects of a JSON value. Raises `RecordError` if there is no such part."""
        return self._select(value, self.steps)

    def _select(self, value: Any, steps: list[Any]) -> Any:
        if not steps:
            return value
        step, rest = steps[0], steps[1:]
        if step == "*" and isinstance(value, dict | list):
            each = value.values() if isinstance(value, dict) else value
            return [self._select(item, rest) for item in each]
        if isinstance(value, dict) and all(isinstance(name, str) for name in _all(step)):
            missing = next((name for name in _all(step) if name not in value), None)
            if missing is not None:
                raise RecordError(f'Invalid JsonPath: {self.text}: there is no "{missing}"')
            if isinstance(step, tuple):
                return {name: value[name] for name in step}
            return self._select(value[step], rest)
        if isinstance(value, list):
            if isinstance(step, int):
                return self._select(value[self._index(step, value)], rest)
            if isinstance(step, tuple) and not isinstance(step[0], str):
                parts = itertools.chain.from_iterable(self._part(part, value) for part in step)
                return [self._select(item, rest) for item in parts]
        raise RecordError(f"Invalid JsonPath: {self.text}: the data has no such part")

    def _index(self, index: int, value: list[Any]) -> int:
        """Counted from the beginning."""
        if not -len(value) <= index < len(value):
            raise RecordError(
                f"Invalid JsonPath: {self.text}: index {index} is out of range, there are "
                f"{len(value)} elements"
            )
        return index % len(value)

    def _part(self, part: Any, value: list[Any]) -> list[Any]:
        if isinstance(part, int):
            return [value[self._index(part, value)]]
        first, last = part
        start = 0 if first is None else self._index(first, value)
        end = len(value) - 1 if last is None else self._index(last, value)
        return value[start : end + 1]


def _all(step: Any) -> tuple[Any, ...]:
    return step if isinstance(step, tuple) else (step,)


def kind(content_type: str) -> str:
    """`text/csv; charset=utf-8` is `text/csv`."""
    return content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Processing:
    """`DataProcessing`: what of a record the model gets, and what is written of its answer.

    `content_type` is that of the input and of the answers: CSV, JSON or JSON lines. `by_line`:
    whether a request carries records line by line; a JSON document may be all of it.
    """

    content_type: str
    by_line: bool
    input_filter: Path
    join: bool
    output_filter: Path

    @property
    def changes_answers(self) -> bool:
        return self.join or not self.output_filter.is_root

    def to_model(self, body: bytes) -> bytes:
        """What the model gets of the records that a request would carry."""
        if self.input_filter.is_root:
            return body
        records = self._values(body, "input", self.by_line)
        return self._written(self.input_filter.apply(each) for each in records)

    def from_model(self, body: bytes, answer: bytes) -> bytes:
        """What is written of the model's answer to these records."""
        if not self.changes_answers:
            return answer
        # The answer to one record may have several lines, as JSON that is written for people has.
        several = self.by_line and (self.content_type == CSV or len(_nonblank(body)) != 1)
        answers = self._values(answer, "output from the algorithm", several)
        if self.join:
            answers = self._joined(self._values(body, "input", self.by_line), answers)
        return self._written(self.output_filter.apply(each) for each in answers)

    def _joined(self, records: Iterator[Any], answers: Iterator[Any]) -> Iterator[Any]:
        missing: Any = object()
        for record, answer in itertools.zip_longest(records, answers, fillvalue=missing):
            if record is missing or answer is missing:
                raise RecordError(
                    "Fail to join data: mismatched line count between the input and the output"
                )
            if self.content_type == CSV:
                yield [*record, *answer]
            elif isinstance(record, dict):
                yield {**record, OUTPUT_KEY: answer}
            else:
                yield {INPUT_KEY: record, OUTPUT_KEY: answer}

    def _values(self, data: bytes, what: str, by_line: bool) -> Iterator[Any]:
        """Rows as lists of their fields, or JSON values; each made when it is asked for."""
        name = "CSV" if self.content_type == CSV else "JSON"
        try:
            if self.content_type == CSV:
                yield from _rows(data)
            else:
                yield from _documents(_nonblank(data) if by_line else [data])
        except ValueError as error:
            raise RecordError(f"Failed to parse {what} as {name}: {error}") from error

    def _written(self, values: Iterator[Any]) -> bytes:
        """The values as lines, without a newline at the end."""
        if self.content_type != CSV:
            lines = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in values)
            # Half a surrogate pair becomes what it is in JSON.
            return "\n".join(lines).encode(errors="backslashreplace")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(each if isinstance(each, list) else [each] for each in values)
        return text.getvalue().encode().removesuffix(b"\n")


def _rows(data: bytes) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise ValueError(f"{error} in line {reader.line_num}") from error


def _documents(parts: list[bytes]) -> Iterator[Any]:
    for part in parts:
        try:
            yield json.loads(part, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{error} found near: {part[:100]!r}") from error


def _nonblank(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if line.strip()]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # Python's parser takes NaN and Infinity, which JSON has not
        raise ValueError(f"{text} is not a JSON value")
    return number
