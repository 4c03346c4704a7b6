"""What a job's containers leave: from their folders into S3, streamed.

Several hosts write into one place. AWS says that their files' names should not clash, and not what
happens if they do: here the first host's file stays.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import itertools
import logging
import shutil
import tarfile
from typing import TYPE_CHECKING, cast

from harness.local.data import folders, s3_objects
from harness.local.data.links import Tree
from harness.local.data.opt_ml import CHUNK, TarReader, repack
from harness.local.moto.s3_streaming import NewObject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from types_boto3_s3 import S3Client

    from harness.local.data.folders import Source
    from harness.local.data.transfers import Transfer
    from harness.local.data.volumes import Volume
    from harness.local.engine.streams.pieces import Stream

_log = logging.getLogger(__name__)

COMPRESS_LEVEL = 1
"""gzip level of artifacts: they are written and read once, on this machine."""

SMALL = 8 << 20
"""Bytes up to which a file is read whole and put with one request."""

TOLD = 20
"""Links left out of a folder that are named in the log."""


def upload_archive(
    client: S3Client,
    containers: Sequence[Source],
    path: str,
    uri: str,
    sending: Transfer,
    *,
    volumes: Sequence[Volume],
    only_if_files: bool = False,
) -> None:
    """Pack the folder at `path` in all hosts' containers into one archive in S3.

    `volumes` are the hosts'. Links stay links. With `only_if_files` an empty archive isn't
    uploaded. Raises `FullVolumeError` where a host's files don't fit into its own.
    """
    files = 0
    sending.expect(None)
    taken: set[str] = set()
    with NewObject() as packed:
        with tarfile.open(
            fileobj=cast("IO[bytes]", packed), mode="w:gz", compresslevel=COMPRESS_LEVEL
        ) as archive:
            for container, volume in zip(containers, volumes, strict=True):
                with folders.opened(container, path) as folder:
                    if folder.stream is None:
                        continue
                    tree = Tree(path, folder.path)
                    counted = sending.counted(folder.stream)
                    more, apart = repack(counted, archive, folder.name, tree, taken, volume)
                    files += more
                for name, file in apart.items():
                    _add(archive, name, container, f"{folder.path}/{file}")
                tree.check()
                _tell(tree, "is of no use in", uri)
        if only_if_files and not files:
            return
        bucket, key = s3_objects.split(uri)
        client.put_object(Bucket=bucket, Key=key, Body=cast("IO[bytes]", packed))


def _add(archive: tarfile.TarFile, name: str, container: Source, path: str) -> None:
    """Add a file of a container to an archive, under this name."""
    with _closing(stream := container.get(path)):
        for _, size, content, member in _files(stream, ""):
            info = copy.copy(member)
            info.name, info.size, info.pax_headers = name, size, {}
            archive.addfile(info, content)


def upload_files(
    client: S3Client,
    containers: Sequence[Source],
    path: str,
    uri: str,
    sending: Transfer,
    *,
    volumes: Sequence[Volume],
) -> None:
    """Upload the files of the folder at `path` in all containers as they are, below `uri`.

    S3 has no links: what they lead to in the folder is uploaded under their names (`links`).
    Raises as `upload_archive` does.
    """
    target = _Target(client, uri)
    taken: set[str] = set()
    sending.expect(None)
    for container, volume in zip(containers, volumes, strict=True):
        with folders.opened(container, path) as folder:
            tree = Tree(path, folder.path)
            counted = folder.stream and sending.counted(folder.stream)
            for name, size, content, member in _files(counted, folder.name):
                volume.take(size)
                tree.add(name, member, _target(member, folder.name))
                if name in taken or content is None:
                    _tell_of(name, member, uri)
                    continue
                taken.add(name)
                target.put(name, size, content)
        room = volume.empty()  # what links lead to is not on the volume again
        for name, file in tree.followed():
            if name in taken:
                continue
            taken.add(name)
            for size, content in _file(container, f"{folder.path}/{file}"):
                room.take(size)
                target.put(name, size, content)
        _tell(tree, "is not uploaded to", uri)


class Mirror:
    """A folder that hosts write into, uploaded while they do: whatever is new or has changed.

    Told by the files' content, since the times in the engine's archives are whole seconds. Links
    are as in `upload_files`.
    """

    def __init__(self, client: S3Client, path: str, uri: str) -> None:
        self.uri = uri
        self._path = path.rstrip("/")
        self._target = _Target(client, uri)
        self._known: dict[str, tuple[int, bytes]] = {}
        """By name: which host's it is, and the digest of what was uploaded."""

    def update(self, containers: Sequence[Source], volumes: Sequence[Volume] = ()) -> None:
        """Upload what has changed since the last time.

        Raises what reading from the engine, or writing to S3, does; what it has uploaded by then
        isn't uploaded again. With `volumes`, for the last time, also as `upload_archive` does.
        """
        for host, container in enumerate(containers):
            volume = volumes[host] if volumes else None
            changed, real = self._update(host, container, volume)
            room = volume.empty() if volume else None
            for name, file, digest in changed:
                for size, content in _file(container, f"{real}/{file}"):
                    if room is not None and name != file:
                        room.take(size)
                    self._target.put(name, size, content)
                    self._known[name] = host, digest

    def _update(
        self, host: int, container: Source, volume: Volume | None
    ) -> tuple[list[tuple[str, str, bytes]], str]:
        """Upload what is small; returns what else has changed, and where the folder is.

        That is the names, the files that they are, and the digests of these.
        """
        later: list[tuple[str, str, bytes]] = []
        digests: dict[str, bytes] = {}
        with folders.opened(container, self._path) as folder:
            tree = Tree(self._path, folder.path)
            for name, size, content, member in _files(folder.stream, folder.name):
                if volume is not None:
                    volume.take(size)
                tree.add(name, member, _target(member, folder.name))
                if content is None:
                    continue
                kept = content.read() if size <= SMALL else None
                digest = _digest(content if kept is None else io.BytesIO(kept))
                digests[name] = digest
                if not self._is_new(name, host, digest):
                    continue
                if kept is None:
                    later.append((name, name, digest))
                    continue
                self._target.put(name, size, io.BytesIO(kept))
                self._known[name] = host, digest
        later += [
            (name, file, digests[file])
            for name, file in tree.followed()
            if self._is_new(name, host, digests[file])
        ]
        if volume is not None:
            _tell(tree, "is not uploaded to", self.uri)
        return later, folder.path

    def _is_new(self, name: str, host: int, digest: bytes) -> bool:
        """Whether the file is to be uploaded: no other host has it, and it isn't there yet."""
        return self._known.get(name, (host, b""))[0] == host and self._known.get(name) != (
            host,
            digest,
        )


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
) -> Iterator[tuple[str, int, IO[bytes] | None, tarfile.TarInfo]]:
    """Name, size and content of what is in a folder's tar stream; no content for what isn't a file.

    Names are relative to the folder `below`, or as they are if that is empty.
    """
    if stream is None:
        return
    with tarfile.open(fileobj=io.BufferedReader(TarReader(stream), CHUNK), mode="r|") as source:
        for member in source:
            name = member.name.partition(f"{below}/")[2] if below else member.name
            if name:
                content = source.extractfile(member) if member.isreg() else None
                yield name, member.size, content, member


def _file(container: Source, path: str) -> Iterator[tuple[int, IO[bytes]]]:
    """Size and content of one file; nothing if it is gone, or isn't a file any more."""
    with _closing(stream := container.get(path)):
        for _, size, content, _ in _files(stream, ""):
            if content is not None:
                yield size, content


def _target(member: tarfile.TarInfo, below: str) -> str:
    """What a link leads to; of a hard one the file's name in the folder."""
    return member.linkname.partition(f"{below}/")[2] if member.islnk() else member.linkname


def _tell_of(name: str, member: tarfile.TarInfo, uri: str) -> None:
    """Say of what is neither file nor link nor folder that it stays behind."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        _log.warning("%s is not uploaded to %s: it is not a file", name, uri)


def _tell(tree: Tree, what: str, uri: str) -> None:
    """Say which links were left out, and why."""
    for name, why in itertools.islice(tree.lost.items(), TOLD):
        _log.warning("%s %s %s: %s", name, what, uri, why)
    if len(tree.lost) > TOLD:
        _log.warning("%d further links of that kind: %s", len(tree.lost) - TOLD, uri)


def _digest(content: IO[bytes]) -> bytes:
    digest = hashlib.blake2b()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
    return digest.digest()
