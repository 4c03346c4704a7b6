"""What a job's containers leave: from their folders into S3, streamed.

Several hosts write into one place. AWS says that their files' names should not clash, and not what
happens if they do: here the first host's file stays.
"""

from __future__ import annotations

import io
import logging
import tarfile
import tempfile
from typing import TYPE_CHECKING, cast

from harness.local import s3
from harness.local.optml import CHUNK, TarReader, repack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

    from types_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

COMPRESS_LEVEL = 1
"""gzip level of artifacts: they are written and read once, on this machine."""

SMALL = 8 << 20
"""Bytes up to which a file is read whole and put with one request."""


def upload_archive(
    client: S3Client,
    folders: Iterable[Iterator[bytes] | None],
    below: str,
    uri: str,
    *,
    only_if_files: bool = False,
) -> None:
    """Pack the folders of all hosts, as the engine's tar streams, into one archive in S3.

    `below` is the folder's own name. With `only_if_files` an empty archive isn't uploaded.
    """
    files = 0
    taken: set[str] = set()
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=COMPRESS_LEVEL) as archive:
            for stream in folders:
                if stream is not None:
                    files += repack(stream, archive, below, taken)
        if only_if_files and not files:
            return
        packed.seek(0)
        bucket, key = s3.split(uri)
        client.upload_fileobj(packed, bucket, key)


def upload_files(
    client: S3Client, folders: Iterable[Iterator[bytes] | None], below: str, uri: str
) -> None:
    """Upload the files of the folders of all hosts as they are, below the prefix `uri`.

    Links are left out, with a warning: S3 has none.
    """
    bucket, prefix = s3.split(uri)
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    taken: set[str] = set()
    for stream in folders:
        if stream is None:
            continue
        with tarfile.open(fileobj=io.BufferedReader(TarReader(stream), CHUNK), mode="r|") as source:
            for member in source:
                _, _, name = member.name.partition(f"{below}/")
                if not name or member.isdir() or name in taken:
                    continue
                content = source.extractfile(member) if member.isreg() else None
                if content is None:
                    _log.warning("%s is not uploaded to %s: it is not a file", name, uri)
                    continue
                taken.add(name)
                if member.size <= SMALL:
                    client.put_object(Bucket=bucket, Key=prefix + name, Body=content.read())
                else:
                    client.upload_fileobj(
                        cast("IO[bytes]", _Unseekable(content)), bucket, prefix + name
                    )


class _Unseekable(io.RawIOBase):
    """A file of a tar stream, which tarfile says can be sought, and can't."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)
