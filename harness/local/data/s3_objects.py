"""Objects in S3: which belong to a prefix, and their bytes, streamed."""

from __future__ import annotations

import contextlib
import json
import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)

from harness.local.data.opt_ml import CHUNK, Entry
from harness.local.engine.streams.pieces import Content

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

    from harness.local.data.transfers import Transfer
    from harness.local.engine.streams.pieces import Piece

MAX_NAME = 255
"""Bytes of a file's name, on Linux."""

_URI = re.compile(r"(?:s3|https)://(?P<bucket>[^/]+)/?(?P<key>.*)", re.DOTALL)


class DataError(Exception):
    """Objects that can't become a channel's files; the text says which and why."""


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. Raises `DataError` if it isn't of that form."""
    match = _URI.fullmatch(uri)
    if match is None or uri.startswith("https"):
        raise DataError(f"{uri} is not of the form s3://bucket/key")
    if not _is_utf8(uri):
        raise DataError(f"{uri!r} is not UTF-8, as keys in S3 are")
    return match["bucket"], match["key"]


def reason(error: Exception, uri: str) -> str:
    """An error's words for a sentence that has named the URI already, without their full stop."""
    words = str(error)
    for named in (f"{uri}: ", f"{uri} "):
        words = words.removeprefix(named)
    return words.rstrip(".")


def _is_utf8(text: str) -> bool:
    """Whether it is; half a surrogate pair, which JSON can have, isn't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parsed(data: bytes, what: str) -> Any:
    """The JSON of what somebody has put into S3. Raises `DataError` about `what` if it isn't."""
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} is not JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def exists(client: S3Client, uri: str) -> bool:
    """Whether there is an object at exactly this URI."""
    try:
        bucket, key = split(uri)
        client.head_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError, DataError):  # BotoCoreError: no key, no bucket's name
        return False
    return True


def chunks(client: S3Client, bucket: str, key: str) -> Iterator[bytes]:
    """The object's bytes. Raises botocore's `ClientError`, `NoSuchKey` for instance."""
    yield from opened(client, bucket, key)[1]


def opened(client: S3Client, bucket: str, key: str) -> tuple[int, Iterator[bytes]]:
    """The object's size, and its bytes.

    Raises `DataError` if there is no such object, botocore's `ClientError` for other reasons.
    """
    answer = _get(client, bucket, key)
    return answer["ContentLength"], _read(client, bucket, key, answer)


def first(body: Any, size: int) -> bytes:
    """The first bytes of the `Body` that GetObject has answered, `size` at most."""
    taken = bytearray()
    with contextlib.closing(body):
        for chunk in body.iter_chunks(CHUNK):
            taken += chunk[: size - len(taken)]
            if len(taken) == size:
                break
    return bytes(taken)


def pieces(client: S3Client, bucket: str, key: str) -> tuple[int, Iterator[Piece]]:
    """The object's size, and its bytes, for those who only send them. Raises as `opened` does."""
    answer = _get(client, bucket, key)
    body: object = answer["Body"]
    if isinstance(body, Content):
        return len(body), body.pieces()
    return answer["ContentLength"], _read(client, bucket, key, answer)


def _get(client: S3Client, bucket: str, key: str) -> GetObjectOutputTypeDef:
    try:
        return client.get_object(Bucket=bucket, Key=key)
    except client.exceptions.NoSuchKey as error:
        uri = f"s3://{bucket}/{key}"
        raise DataError(f"{uri}: {reason(error, uri)}") from error


def _read(
    client: S3Client, bucket: str, key: str, answer: GetObjectOutputTypeDef
) -> Iterator[bytes]:
    at, version = 0, answer["ETag"]
    while True:
        body, begun = answer["Body"], at
        try:
            for chunk in body.iter_chunks(CHUNK):
                at += len(chunk)
                yield chunk
        except (HTTPClientError, IncompleteReadError):
            if at == begun:
                raise
            # S3 hangs up on a reader that pauses for long, which a training script may.
            answer = client.get_object(
                Bucket=bucket, Key=key, Range=f"bytes={at}-", IfMatch=version
            )
        else:
            return
        finally:
            body.close()


@dataclass(frozen=True)
class Object:
    bucket: str
    key: str
    size: int | None
    """Bytes; None where it isn't known before it is read."""
    path: str
    """Where it stands below the channel's folder."""


def keys(client: S3Client, uri: str) -> Iterator[tuple[str, int]]:
    """The keys that begin as `uri` does, and the bytes of each, in key order, without folder
    markers. Raises botocore's `ClientError` if the bucket doesn't exist.
    """
    bucket, prefix = split(uri)
    for listing in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in listing.get("Contents", []):
            if not item["Key"].endswith("/"):
                yield item["Key"], item["Size"]


def objects(client: S3Client, uri: str) -> list[Object]:
    """The objects of an `S3Prefix` source, in key order, without folder markers.

    A key's place below the channel is what follows the prefix taken as a folder; an object that
    is named exactly has its own name; where the prefix ends within a name, the place counts from
    the last folder of the prefix. Slashes in a row count as one, as they do in a file system.
    Raises `DataError` if two objects clash, botocore's `ClientError` if the bucket doesn't exist.
    """
    bucket, prefix = split(uri)
    folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    parent = prefix[: prefix.rfind("/") + 1]
    found: list[Object] = []
    for key, size in keys(client, uri):
        below = key[len(folder) :] if key.startswith(folder) else key[len(parent) :]
        found.append(Object(bucket, key, size, path(bucket, key, below)))
    return without_clashes(found)


def without_clashes(found: list[Object]) -> list[Object]:
    """The same objects. Raises `DataError` if two of them can't both be files of a folder."""
    taken = Counter(item.path for item in found)
    for each in found:
        if taken[each.path] > 1 or any(above in taken for above in _folders(each.path)):
            raise DataError(
                f"Cannot download s3://{each.bucket}/{each.key}, a previously downloaded "
                "file/folder clashes with it"
            )
    return found


def path(bucket: str, key: str, below: str) -> str:
    """The file's path below a folder that `below` stands for. Raises `DataError` if it has none."""
    parts = [part for part in below.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in below or not _is_utf8(below):
        raise DataError(f"s3://{bucket}/{key} can't be a file below a channel's folder")
    if any(len(part.encode()) > MAX_NAME for part in parts):
        raise DataError(
            f"s3://{bucket}/{key} can't be a file: its name has more than {MAX_NAME} bytes"
        )
    return "/".join(parts)


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def entries(
    client: S3Client, channel: str, items: Sequence[Object], transfer: Transfer
) -> Iterator[Entry]:
    """The objects as files below the folder `channel`, read in their turn, and counted."""
    for item in items:
        transfer.expect(item.size)
    return (_entry(client, posixpath.join(channel, item.path), item, transfer) for item in items)


def _entry(client: S3Client, name: str, item: Object, transfer: Transfer) -> Entry:
    def data() -> Iterator[Piece]:
        yield from pieces(client, item.bucket, item.key)[1]

    if item.size is not None:
        return Entry(name, item.size, transfer.counted(data()))
    size, known = pieces(client, item.bucket, item.key)
    return Entry(name, size, transfer.counted(known))
