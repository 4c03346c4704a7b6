"""Records of batch transform: objects into requests, and answers into output.

What a record and a batch are stands in AWS's API reference (`TransformInput`,
`CreateTransformJob`). Everything here works on streams: no more is in memory than one batch.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from harness.local.data.opt_ml import CHUNK, TarReader

if TYPE_CHECKING:
    from collections.abc import Iterator


MAX_PAYLOAD = 100 << 20
"""Bytes of a request at most, whatever the job says (`MaxPayloadInMB` in the API reference)."""

_RECORDIO_MAGIC = struct.pack("<I", 0xCED7230A)


_File: TypeAlias = "io.BufferedReader[TarReader]"


class RecordError(Exception):
    """Data that can't be transformed as the job says; the text says why."""


class Record(NamedTuple):
    """`stored` is all of it as the file has it; `data` is without what delimits or wraps it."""

    stored: bytes
    data: bytes


# Objects into requests.


def decompressed(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """The chunks of an object, without its `CompressionType`, None or Gzip.

    Raises `RecordError` if it isn't compressed so.
    """
    if compression == "None":
        yield from chunks
        return
    file = gzip.GzipFile(fileobj=io.BufferedReader(TarReader(chunks), CHUNK))
    try:
        while data := file.read1(CHUNK):
            yield data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordError(f"Unable to decompress the input as Gzip: {error}") from error


def requests(chunks: Iterator[bytes], kind: str, strategy: str, limit: int) -> Iterator[bytes]:
    """What the requests for an object carry, each of `limit` bytes at most.

    `kind` is its `SplitType`: None, Line, RecordIO or TFRecord. `strategy` is SingleRecord, or
    MultiRecord: as many as fit. Only in the first case are records taken out of what delimits or
    wraps them ("padding is removed", `SplitType` in the API reference). Raises `RecordError` where
    one has more than `limit` bytes, or the object isn't of that format.
    """
    file = io.BufferedReader(TarReader(chunks), CHUNK)
    if kind == "None":
        return _whole(file, limit)
    single = strategy == "SingleRecord"
    if kind == "Line" and not single:
        return _blocks(file, limit)
    kinds = {"Line": _lines, "RecordIO": _recordio, "TFRecord": _tfrecords}
    records = kinds[kind](file, limit)
    return (record.data for record in records) if single else _batches(records, limit)


def _too_large(limit: int) -> RecordError:
    return RecordError(
        "Too much data for max payload size: a request would carry more than MaxPayloadInMB "
        f"({limit >> 20} MB)"
    )


def _whole(file: _File, limit: int) -> Iterator[bytes]:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise _too_large(limit)
    yield data


def _blocks(file: _File, limit: int) -> Iterator[bytes]:
    """As many lines as fit, in one piece: a record of a few bytes must not take a microsecond."""
    rest = b""
    while data := rest + file.read(limit - len(rest)):
        end = data.rfind(b"\n") + 1 if len(data) == limit and file.peek(1) else len(data)
        if not end:
            raise _too_large(limit)
        yield data[:end]
        rest = data[end:]


def _batches(records: Iterator[Record], limit: int) -> Iterator[bytes]:
    bodies: list[bytes] = []
    size = 0
    for record in records:
        if bodies and size + len(record.stored) > limit:
            yield b"".join(bodies)
            bodies, size = [], 0
        bodies.append(record.stored)
        size += len(record.stored)
    if bodies:
        yield b"".join(bodies)


def _lines(file: _File, limit: int) -> Iterator[Record]:
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise _too_large(limit)
        yield Record(line, line.removesuffix(b"\n"))


def _recordio(file: _File, limit: int) -> Iterator[Record]:
    """MXNet's RecordIO: a magic number, the length, the data padded to four bytes.

    A record with the magic number within its data is stored in parts, cut there.
    """
    while header := file.read(8):
        stored, data = b"", b""
        while True:
            if len(header) < 8 or not header.startswith(_RECORDIO_MAGIC):
                raise RecordError("Failed to split the input into RecordIO records: no header")
            (word,) = struct.unpack("<I", header[4:])
            part, length = word >> 29, word & ((1 << 29) - 1)
            padded = (length + 3) // 4 * 4
            if len(stored) + 8 + padded > limit:
                raise _too_large(limit)
            body = _exactly(file, padded, "RecordIO")
            stored += header + body
            data += body[:length]
            if part in (0, 3):
                break
            data += _RECORDIO_MAGIC
            header = _exactly(file, 8, "RecordIO")
        yield Record(stored, data)


def _tfrecords(file: _File, limit: int) -> Iterator[Record]:
    """TensorFlow's TFRecord: the length, its checksum, the data, its checksum (not looked at)."""
    while header := file.read(12):
        if len(header) < 12:
            raise RecordError("Failed to split the input into TFRecord records: it ends too early")
        (length,) = struct.unpack("<Q", header[:8])
        if length + 16 > limit:
            raise _too_large(limit)
        body = _exactly(file, length + 4, "TFRecord")
        yield Record(header + body, body[:length])


def _exactly(file: _File, size: int, kind: str) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise RecordError(f"Failed to split the input into {kind} records: it ends too early")
    return data


# Answers into output.


def ended(body: bytes, assemble_with: str) -> bytes:
    """What is written behind an answer that ends with `body`: nothing, or for Line a newline."""
    return b"\n" if assemble_with == "Line" and not body.endswith(b"\n") else b""
