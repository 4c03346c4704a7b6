"""What a job's containers leave: from their folders into S3, streamed.

Several hosts write into one place. AWS says that their files' names should not clash, and not what
happens if they do: here the first host's file stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import shutil
import tarfile
from typing import TYPE_CHECKING, cast

from harness.local.data import s3_objects
from harness.local.data.opt_ml import CHUNK, TarReader, repack
from harness.local.moto.s3_streaming import NewObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import IO

    from types_boto3_s3 import S3Client

    from harness.local.data.transfers import Transfer
    from harness.local.data.volumes import Volume
    from harness.local.engine.container import Container
    from harness.local.engine.streams.pieces import Stream

_log = logging.getLogger(__name__)

COMPRESS_LEVEL = 1
"""gzip level of artifacts: they are written and read once, on this machine."""

SMALL = 8 << 20
"""Bytes up to which a file is read whole and put with one request."""


def upload_archive(
    client: S3Client,
    folders: Iterable[Stream | None],
    below: str,
    uri: str,
    sending: Transfer,
    *,
    volumes: Sequence[Volume],
    only_if_files: bool = False,
) -> None:
    """Pack the folders of all hosts, as the engine's tar streams, into one archive in S3.

    `below` is the folder's own name, `volumes` are the hosts'. With `only_if_files` an empty
    archive isn't uploaded. Raises `FullVolumeError` where a host's files don't fit into its own.
    """
    files = 0
    sending.expect(None)
    taken: set[str] = set()
    with NewObject() as packed:
        with tarfile.open(
            fileobj=cast("IO[bytes]", packed), mode="w:gz", compresslevel=COMPRESS_LEVEL
        ) as archive:
            for stream, volume in zip(folders, volumes, strict=True):
                if stream is not None:
                    with _closing(stream):
                        files += repack(sending.counted(stream), archive, below, taken, volume)
        if only_if_files and not files:
            return
        bucket, key = s3_objects.split(uri)
        client.put_object(Bucket=bucket, Key=key, Body=cast("IO[bytes]", packed))


def upload_files(
    client: S3Client,
    folders: Iterable[Stream | None],
    below: str,
    uri: str,
    sending: Transfer,
    *,
    volumes: Sequence[Volume],
) -> None:
    """Upload the files of the folders of all hosts as they are, below the prefix `uri`.

    Links are left out, with a warning: S3 has none. Raises as `upload_archive` does.
    """
    target = _Target(client, uri)
    taken: set[str] = set()
    sending.expect(None)
    for stream, volume in zip(folders, volumes, strict=True):
        with _closing(stream):
            for name, size, content in _files(stream and sending.counted(stream), below):
                volume.take(size)
                if name in taken:
                    continue
                if content is None:
                    _log.warning("%s is not uploaded to %s: it is not a file", name, uri)
                    continue
                taken.add(name)
                target.put(name, size, content)


class Mirror:
    """A folder that hosts write into, uploaded while they do: whatever is new or has changed.

    Told by the files' content, since the times in the engine's archives are whole seconds.
    """

    def __init__(self, client: S3Client, path: str, uri: str) -> None:
        self.uri = uri
        self._path = path.rstrip("/")
        self._target = _Target(client, uri)
        self._known: dict[str, tuple[int, bytes]] = {}
        """By name: which host's it is, and the digest of what was uploaded."""

    def update(self, containers: Sequence[Container], volumes: Sequence[Volume] = ()) -> None:
        """Upload what has changed since the last time. Links are left out: S3 has none.

        Raises what reading from the engine, or writing to S3, does; what it has uploaded by then
        isn't uploaded again. With `volumes`, also as `upload_archive` does.
        """
        for host, container in enumerate(containers):
            volume = volumes[host] if volumes else None
            for name, digest in self._update(host, container.get(self._path), volume):
                with _closing(stream := container.get(f"{self._path}/{name}")):
                    for _, size, content in _files(stream, ""):
                        if content is not None:
                            self._target.put(name, size, content)
                            self._known[name] = host, digest

    def _update(
        self, host: int, stream: Stream | None, volume: Volume | None
    ) -> list[tuple[str, bytes]]:
        """Upload what is small; returns the names of what else has changed, and its digests."""
        large: list[tuple[str, bytes]] = []
        with _closing(stream):
            for name, size, content in _files(stream, self._path.rpartition("/")[2]):
                if volume is not None:
                    volume.take(size)
                if content is None or self._known.get(name, (host,))[0] != host:
                    continue
                kept = content.read() if size <= SMALL else None
                digest = _digest(content if kept is None else io.BytesIO(kept))
                if self._known.get(name) == (host, digest):
                    continue
                if kept is None:
                    large.append((name, digest))
                    continue
                self._target.put(name, size, io.BytesIO(kept))
                self._known[name] = host, digest
        return large


class _Target:
    """A prefix in S3 that files are written below."""

    def __init__(self, client: S3Client, uri: str) -> None:
        self._client = client
        self._bucket, self._prefix = s3_objects.split(uri)
        if self._prefix and not self._prefix.endswith("/"):
            self._prefix += "/"

    def put(self, name: str, size: int, content: IO[bytes]) -> None:
        key = self._prefix + name
        if size <= SMALL:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content.read())
        else:
            with NewObject() as new:
                shutil.copyfileobj(content, cast("IO[bytes]", new), CHUNK)
                body = cast("IO[bytes]", new)
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body)


def _closing(stream: Stream | None) -> contextlib.AbstractContextManager[object]:
    """Close the stream in the end, if there is one, so that the engine is free for the next."""
    return contextlib.nullcontext() if stream is None else contextlib.closing(stream)


def _files(
    stream: Iterator[bytes] | None, below: str
) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Name, size and content of what is in a folder's tar stream; no content for what isn't a file.

    Names are relative to the folder `below`, or as they are if that is empty.
    """
    if stream is None:
        return
    with tarfile.open(fileobj=io.BufferedReader(TarReader(stream), CHUNK), mode="r|") as source:
        for member in source:
            name = member.name.partition(f"{below}/")[2] if below else member.name
            if name and not member.isdir():
                yield name, member.size, source.extractfile(member) if member.isreg() else None


def _digest(content: IO[bytes]) -> bytes:
    digest = hashlib.blake2b()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
    return digest.digest()
