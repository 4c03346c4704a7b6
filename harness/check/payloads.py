"""Bodies of requests, made from the one that was given: longer, misshapen and hostile ones."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

CSV = "text/csv"
JSON = "application/json"
NPY = "application/x-npy"
LINES = {CSV, "application/jsonlines", "application/x-ndjson", "application/x-jsonlines",
         "text/libsvm", "text/x-libsvm"}  # fmt: skip
"""The content types whose records are lines."""

PICKLED = "/tmp/harness-check-was-unpickled"  # noqa: S108 - in the container
"""The file that `pickle` makes where it is unpickled."""

UNKNOWN_TYPE = "application/x-harness-check"
DEPTH = 100_000

_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.])")


def media_type(content_type: str) -> str:
    """`Text/CSV; charset=utf-8` is `text/csv`."""
    return content_type.partition(";")[0].strip().lower()


def repeated(payload: bytes, content_type: str, times: int) -> bytes | None:
    """The records of a body, so many times over; None if it isn't known how."""
    kind = media_type(content_type)
    if kind in LINES:
        return (payload.rstrip(b"\r\n") + b"\n") * times
    if kind == JSON:
        return _json_rows(payload, lambda rows: rows * times)
    if kind == NPY:
        return _npy(payload, lambda array: np.concatenate([array] * times) if array.ndim else None)
    return None


def enlarged(payload: bytes, content_type: str, size: int) -> bytes:
    """The same with more records, of `size` bytes at most; as it is if it isn't known how."""
    one, two = (repeated(payload, content_type, times) for times in (1, 2))
    if one is None or two is None or len(two) <= len(one):
        return payload
    times = 1 + (size - len(one)) // (len(two) - len(one))
    made = repeated(payload, content_type, times)
    return made if made and len(payload) < len(made) <= size else payload


def misshapen(payload: bytes, content_type: str) -> bytes | None:
    """The same rows with each of their values twice; None if it isn't known how."""
    kind = media_type(content_type)
    if kind == CSV:
        return b"".join(b"%s,%s\n" % (line, line) for line in payload.splitlines() if line.strip())
    if kind == JSON:
        return _json_rows(payload, _twice_as_wide)
    if kind == NPY:
        return _npy(payload, lambda array: np.hstack([array] * 2) if array.ndim == 2 else None)
    return None


def not_numbers(payload: bytes, content_type: str) -> bytes | None:
    """The same with NaN for each number; None if it isn't known how, or if there is none."""
    kind = media_type(content_type)
    if kind == NPY:
        return _npy(payload, lambda array: np.full(array.shape, np.nan))
    if kind not in LINES | {JSON}:
        return None
    text, count = _NUMBER.subn(b"NaN", payload)
    return text if count else None


def malformed(payload: bytes, content_type: str) -> bytes:
    """What is begun as the content type wants it, and isn't that."""
    kind = media_type(content_type)
    if kind == CSV:
        return b'\xff\xfe"1,2\n3'
    if kind == NPY:
        return b"\x93NUMPY\x01\x00\x76\x00{'descr': 'no such thing'\n"
    if kind == JSON or kind in LINES:
        return b'{"instances": [[1, 2'
    return payload[: len(payload) // 2] + b"\xff\x00\xfe\x00"


def pickle() -> bytes:
    """A pickle that makes the file `PICKLED` when it is loaded."""
    return b"cbuiltins\nopen\n(V%s\nVw\ntR." % PICKLED.encode()


def npy_with_pickle() -> bytes:
    """An npy file of objects, which are pickled: `pickle` is in it."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle()


def padded_json() -> bytes:
    """Two MB, which an array of strings of one length makes 8 GB."""
    return json.dumps(["a" * (1 << 20), *[1] * 2000]).encode()


def npy_with_header() -> bytes:
    """No data, behind a header that isn't Python."""
    header = b"{" * 10_000
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def deep_json() -> bytes:
    return b"[" * DEPTH + b"]" * DEPTH


def zip_bomb(size: int) -> bytes:
    """Zeros of about so many bytes, compressed as gzip does: a thousandth of that."""
    chunk = 1 << 26
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compress.compress(bytes(chunk)) + compress.flush(zlib.Z_FULL_FLUSH)
    repeats = max(1, -(-size // chunk))
    # After a full flush a block stands for itself, so it can be repeated. Who comes to the
    # checksum at the end, which is wrong, has unpacked all of it.
    head = gzip.compress(b"")[:10]
    return head + block * repeats + b"\x03\x00" + bytes(8)


def records(body: bytes, content_type: str) -> int | None:
    """How many records an answer has; None if it isn't known how to tell."""
    kind = media_type(content_type)
    if kind == NPY:
        counted: list[int] = []
        _npy(body, lambda array: counted.append(len(array) if array.ndim else 1))
        return counted[0] if counted else None
    if kind == JSON:
        try:
            value = json.loads(body)
        except ValueError:
            return None
        if isinstance(value, dict):
            value = next((each for each in value.values() if isinstance(each, list)), None)
        return len(value) if isinstance(value, list) else None
    return len([line for line in body.splitlines() if line.strip()])


def _twice_as_wide(rows: list[Any]) -> list[Any] | None:
    return [row * 2 for row in rows] if all(isinstance(row, list) for row in rows) else None


def _json_rows(payload: bytes, change: Callable[[list[Any]], list[Any] | None]) -> bytes | None:
    """A list, or the one that `instances` names, changed."""
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    rows = value.get("instances") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not rows:
        return None
    changed = change(rows)
    if changed is None:
        return None
    made = {**value, "instances": changed} if isinstance(value, dict) else changed
    return json.dumps(made).encode()


def _npy(payload: bytes, change: Callable[[Any], Any]) -> bytes | None:
    try:
        array = np.load(io.BytesIO(payload), allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return None
    changed = change(array)
    if changed is None:
        return None
    file = io.BytesIO()
    np.save(file, changed, allow_pickle=False)
    return file.getvalue()
