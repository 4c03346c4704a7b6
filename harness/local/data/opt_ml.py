"""What stands under /opt/ml in a container: written as tar streams, read from them.

The layout is AWS's container contract ("How Amazon SageMaker Provides Training Information" and
"How Amazon SageMaker Processes Training Output" in the developer guide). Nothing is held whole in
memory: objects stream from S3 into the tar, and from the tar into S3.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import tarfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.local.data.links import Tree
    from harness.local.data.volumes import Volume
    from harness.local.engine.streams.pieces import Piece, Stream

FAILURE_LIMIT = 1024
"""Characters of /opt/ml/output/failure that become the failure reason."""

CHUNK = 1 << 20


class ContentError(Exception):
    """Content that isn't what it was announced to be.

    No `OSError`: raised from within a stream to the engine, it would pass for a lost connection.
    """


@dataclass(frozen=True)
class Entry:
    """A file, or with `chunks` None a folder, in a tar stream."""

    name: str
    size: int = 0
    chunks: Iterable[Piece] | None = None


def folder(name: str) -> Entry:
    return Entry(name)


def file(name: str, content: bytes) -> Entry:
    return Entry(name, len(content), [content])


def files(contents: Mapping[str, bytes]) -> Iterator[Entry]:
    """Files by their absolute paths, each after its folder."""
    folders = sorted({path.rpartition("/")[0].strip("/") for path in contents})
    yield from map(folder, folders)
    for path, content in contents.items():
        yield file(path.strip("/"), content)


def tar_stream(entries: Iterable[Entry], volume: Volume | None = None) -> Iterator[Piece]:
    """A tar archive of `entries`, in the pax format, chunk by chunk.

    They have to fit into the volume, if there is one: else raises `FullVolumeError`, before the
    first byte of the one that doesn't.
    """
    for entry in entries:
        if volume is not None:
            volume.take(entry.size)
        info = tarfile.TarInfo(entry.name)
        info.mtime = int(time.time())  # a fraction would take two more blocks a file
        if entry.chunks is None:
            info.type = tarfile.DIRTYPE
            info.mode = 0o755
            yield info.tobuf(tarfile.PAX_FORMAT)
            continue
        info.size = entry.size
        info.mode = 0o644
        yield info.tobuf(tarfile.PAX_FORMAT)
        sent = 0
        for chunk in entry.chunks:
            sent += len(chunk)
            yield chunk
        if sent != entry.size:
            raise ContentError(f"{entry.name}: {sent} bytes came where {entry.size} were announced")
        yield b"\0" * (-entry.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


HOMOGENEOUS = "homogeneousCluster"
"""The instance group of a cluster that has no groups."""


@dataclass(frozen=True)
class Host:
    """One instance of a training cluster."""

    name: str
    """`algo-1`, …"""
    instance_type: str
    group: str = HOMOGENEOUS


CHECKPOINTS = "/opt/ml/checkpoints"
"""Where checkpoints are written unless `CheckpointConfig.LocalPath` says otherwise."""


@dataclass(frozen=True)
class TrainingLayout:
    """What SageMaker writes under /opt/ml before a training container starts."""

    hyperparameters: Mapping[str, str]
    channels: Mapping[str, Mapping[str, Any]]
    """Channel name → its `ContentType`, `TrainingInputMode`, … for inputdataconfig.json."""
    hosts: Sequence[Host]
    current: Host
    """The one of `hosts` that this is for."""
    data: Iterable[Entry] = field(default_factory=tuple)
    """The channels' files, named `<channel>/<path>`."""
    checkpoint_path: str = CHECKPOINTS
    checkpoints: Iterable[Entry] = field(default_factory=tuple)
    """The files that stand below `checkpoint_path`."""
    configs: Mapping[str, Any] = field(default_factory=dict)
    """Further files of input/config, by their names without `.json`."""
    folders: Sequence[str] = ()
    """Further folders."""

    def entries(self) -> Iterator[Entry]:
        groups = {host.group: host.instance_type for host in self.hosts}
        resources = {
            "current_host": self.current.name,
            "current_instance_type": self.current.instance_type,
            "current_group_name": self.current.group,
            "hosts": [host.name for host in self.hosts],
            "instance_groups": [
                {
                    "instance_group_name": group,
                    "instance_type": instance_type,
                    "hosts": [host.name for host in self.hosts if host.group == group],
                }
                for group, instance_type in groups.items()
            ],
            "network_interface_name": "eth0",
        }
        files = [n for n, each in self.channels.items() if each.get("TrainingInputMode") != "Pipe"]
        for name in ("", "/input", "/input/config", "/model", "/output", "/output/data",
                     "/checkpoints"):  # fmt: skip
            yield folder(f"opt/ml{name}")
        if len(files) == len(self.channels):  # else it is there, and can't be written to
            yield folder("opt/ml/input/data")
        for name, content in (
            ("hyperparameters", dict(self.hyperparameters)),
            ("inputdataconfig", {name: dict(config) for name, config in self.channels.items()}),
            ("resourceconfig", resources),
            *self.configs.items(),
        ):
            yield file(f"opt/ml/input/config/{name}.json", json.dumps(content).encode())
        yield from map(folder, self.folders)
        for channel in files:
            yield folder(f"opt/ml/input/data/{channel}")
        for entry in self.data:
            yield Entry(f"opt/ml/input/data/{entry.name}", entry.size, entry.chunks)
        checkpoints = self.checkpoint_path.strip("/")
        if self.checkpoint_path != CHECKPOINTS:
            yield folder(checkpoints)
        for entry in self.checkpoints:
            yield Entry(f"{checkpoints}/{entry.name}", entry.size, entry.chunks)


MODEL_FOLDERS = ("opt/ml", "opt/ml/model")
"""What must be there before a model archive is extracted."""


class TarReader(io.RawIOBase):
    """A readable file over the chunks of a stream, for `tarfile`'s stream mode."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def repack(
    chunks: Iterator[bytes],
    archive: tarfile.TarFile,
    below: str,
    tree: Tree,
    taken: set[str] | None = None,
    volume: Volume | None = None,
) -> tuple[int, dict[str, str]]:
    """Copy a container's tar stream into `archive`, with names relative to the folder `below`.

    Device nodes and the like are left out; symbolic links are kept as links, and noted in `tree`.
    Names that are in `taken` are left out as well; those copied are added. Returns how many files
    were copied, and by name the files that hard links are whose first name was left out.
    Raises `FullVolumeError` before it reads a file that, as large as it says, doesn't fit.
    """
    files = 0
    apart: dict[str, str] = {}
    own: set[str] = set()
    taken = set() if taken is None else taken
    with tarfile.open(fileobj=io.BufferedReader(TarReader(chunks), CHUNK), mode="r|") as source:
        for member in source:
            if volume is not None:
                volume.take(member.size)
            _, _, name = member.name.partition(f"{below}/")
            if not name or not (member.isfile() or member.isdir() or member.issym()
                                or member.islnk()):  # fmt: skip
                continue
            target = member.linkname
            if member.islnk():
                target = target.partition(f"{below}/")[2]
            tree.add(name, member, target)
            if name in taken:
                continue
            taken.add(name)
            files += not member.isdir()
            if member.islnk() and target not in own:
                apart[name] = target
                continue
            own.add(name)
            copied = copy.copy(member)  # TarInfo.replace isn't in Debian 12's 3.11.2 yet
            copied.name, copied.linkname = name, target
            copied.pax_headers = {}  # in which long and non-ASCII names stand, and come first
            archive.addfile(copied, source.extractfile(member) if member.isreg() else None)
    return files, apart


def read_failure(chunks: Stream | None) -> str:
    """The text of /opt/ml/output/failure: its first 1,024 characters.

    Empty if there is none, or if it isn't a file. Closes the stream.
    """
    if chunks is None:
        return ""
    with (
        contextlib.closing(chunks),
        tarfile.open(fileobj=io.BufferedReader(TarReader(chunks), CHUNK), mode="r|") as source,
    ):
        member = source.next()
        content = source.extractfile(member) if member and member.isreg() else None
        # At most four bytes a character, so no more than this can be needed.
        text = content.read(4 * FAILURE_LIMIT) if content else b""
    return text.decode("utf-8", "replace")[:FAILURE_LIMIT].strip()
