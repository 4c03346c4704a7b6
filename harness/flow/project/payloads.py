"""Rows in the content types that endpoints are asked and answer in: csv, JSON, JSON Lines, npy."""

from __future__ import annotations

import csv
import io
import json
import math
import tokenize
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import FlowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

NPY = "application/x-npy"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"

TYPES = (CSV, JSON, JSON_LINES, NPY)

MAX_BODY_BYTES = 6_291_456
"""Of InvokeEndpoint's Body, from SageMaker Runtime's service model."""

_HEAD_BYTES = 1024
"""What an npy header takes at most."""


def plain(content_type: str) -> str:
    """The content type without its parameters: `text/csv; charset=utf-8` is csv."""
    return content_type.partition(";")[0].strip().lower()


def encode(rows: Any, content_type: str) -> bytes:
    """Rows of shape (n, k) or (n,) as one body.

    Raises:
        FlowError: the content type isn't one of `TYPES`, or can't carry the values.
    """
    ((body, _),) = bodies(rows, content_type, most=2**62)
    return body


def bodies(
    rows: Any, content_type: str, *, limit: int = 0, most: int = MAX_BODY_BYTES
) -> list[tuple[bytes, int]]:
    """Rows as bodies of `most` bytes and `limit` rows (0: any) at most, each with its number."""
    kind = plain(content_type)
    if kind not in TYPES:
        raise FlowError(
            f"rows can't be sent as {content_type!r}; there are {', '.join(TYPES)}: choose one, or "
            "send files as they are."
        )
    if kind == NPY:
        return list(_npy_bodies(_array(rows), limit, most))
    items = [_item(row, kind) for row in _listed(rows)]
    return [(_joined(part, kind), len(part)) for part in _parts(items, limit, most)]


def _listed(rows: Any) -> list[Any]:
    """Rows as Python's own lists and numbers, whatever of it is numpy's."""
    if isinstance(rows, np.ndarray):
        return list(rows.tolist())
    return [_own(row) for row in rows]


def _own(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_own(each) for each in value] if isinstance(value, list | tuple) else value


def _array(rows: Any) -> Array:
    try:
        array = np.asarray(rows)
        return array if array.dtype.kind in "biuf" else array.astype(float)
    except (ValueError, TypeError, OverflowError) as error:
        raise FlowError(f"rows can't be sent as {NPY}, which has numbers only: {error}.") from None


def _npy_bodies(array: Array, limit: int, most: int) -> Iterator[tuple[bytes, int]]:
    row = max(1, array[:1].nbytes)
    rows = max(1, min((most - _HEAD_BYTES) // row, limit or len(array)))
    for start in range(0, max(1, len(array)), rows):
        part, body = array[start : start + rows], io.BytesIO()
        np.save(body, part, allow_pickle=False)
        yield body.getvalue(), len(part)


def _item(row: Any, kind: str) -> bytes:
    if kind != CSV:
        try:
            return json.dumps(_as_values(row), allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise FlowError(f"a row can't be sent as {kind}: {error}.") from None
    text = io.StringIO()
    cells = row if isinstance(row, list | tuple) else [row]
    csv.writer(text).writerow(cells)  # whose line break is the one that it puts in quotes, too
    try:
        return text.getvalue().removesuffix("\r\n").encode()
    except UnicodeEncodeError as error:
        raise FlowError(f"a row can't be sent as {kind}: {error}.") from None


def _as_values(row: Any) -> Any:
    """Fields of a csv as JSON has them: numbers where they are numbers."""
    return [_value(cell) for cell in row] if isinstance(row, list | tuple) else _value(row)


def _value(cell: Any) -> Any:
    return number(cell) if isinstance(cell, str) else cell


def number(text: str) -> Any:
    """The number that a text is; else the text."""
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        # `nan` and `1_000` are numbers to Python alone.
        return value if math.isfinite(value) and "_" not in text else text
    return text


def _parts(items: Sequence[bytes], limit: int, most: int) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 2
    for item in items:
        if part and (len(part) == limit or size + len(item) + 1 > most):
            yield part
            part, size = [], 2
        part.append(item)
        size += len(item) + 1
    yield part


def _joined(items: Iterable[bytes], kind: str) -> bytes:
    if kind == JSON:
        return b"[" + b",".join(items) + b"]"
    return b"".join(item + b"\n" for item in items)


def decode(body: bytes, content_type: str) -> Array:
    """What an endpoint has answered, as an array: of numbers where they all are, else of texts.

    A csv of one column, and a list of single values, has shape (n,). JSON may also be an object
    with the list under `predictions`.

    Raises:
        FlowError: the content type isn't one of `TYPES`, or the body isn't what it says.
    """
    decoder = _DECODERS.get(plain(content_type))
    if decoder is None:
        raise FlowError(
            f"the endpoint's answer is {content_type or 'of no content type'}, of which no array "
            f"can be made; there are {', '.join(TYPES)}."
        )
    try:
        return decoder(body)
    except _UNREADABLE as error:
        what = "an array of numbers" if decoder is _decode_npy else plain(content_type)
        raise FlowError(f"the endpoint's answer is not {what}: {error}") from None


def _decode_npy(body: bytes) -> Array:
    array: Array = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False)
    return array


def _decode_csv(body: bytes) -> Array:
    rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"))) if row]
    if len({len(row) for row in rows}) > 1:
        raise ValueError("its rows are not of one length")
    table = table_of(rows)
    return table[:, 0] if table.ndim == 2 and table.shape[1] == 1 else table


def table_of(rows: Any) -> Array:
    """Rows of texts as an array, of numbers where they all are."""
    array = np.asarray(rows)
    try:
        return array.astype(float)
    except ValueError:
        return array


def _decode_json(body: bytes) -> Array:
    document = json.loads(body)
    if isinstance(document, dict):
        if "predictions" not in document:
            raise ValueError(f"there are no predictions in it, only {', '.join(document)[:100]}")
        document = document["predictions"]
    return _listed_array(document)


def _decode_json_lines(body: bytes) -> Array:
    return _listed_array([json.loads(line) for line in body.splitlines() if line.strip()])


def _listed_array(document: Any) -> Array:
    array = np.asarray(document if isinstance(document, list) else [document])
    if array.dtype.kind not in "biufU":
        raise ValueError("it is no list of numbers or of texts")
    return array


_UNREADABLE = (
    ValueError, EOFError, TypeError, csv.Error, RecursionError,
    MemoryError, OverflowError, tokenize.TokenError,  # of an npy header that lies, or is cut off
)  # fmt: skip

_DECODERS: dict[str, Callable[[bytes], Array]] = {
    NPY: _decode_npy,
    CSV: _decode_csv,
    JSON: _decode_json,
    JSON_LINES: _decode_json_lines,
}
