"""Pipe input mode: the objects of a channel, streamed into named pipes as a job reads them.

For each epoch that a job reads there is a pipe, `/opt/ml/input/data/<channel>_<epoch>`, which is
read once, to its end or less far (developer guide, "How Amazon SageMaker Provides Training
Information"). The pipes are in a folder of this machine that the container sees, so that its
engine must be on this machine, too.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import logging
import os
import random
import select
import struct
import tempfile
import threading
import time
import zlib
from array import array
from typing import IO, TYPE_CHECKING, Any

from harness.local.data import channels, s3_objects
from harness.local.data.opt_ml import CHUNK, TarReader
from harness.local.engine.containers import Mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from types_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

DATA = "/opt/ml/input/data"

RECORD_MAGIC = 0xCED7230A
"""What each record begins with (MXNet's "RecordIO", which is dmlc-core's recordio.h)."""

RECORD_LIMIT = 1 << 29
"""A record has fewer bytes than that: its length has 29 bits."""

IN_MEMORY = 8 << 20
"""Bytes beyond which what must be known whole before it is sent is kept in a file."""

CLOSE_TIMEOUT = 30
"""Seconds that closing waits for threads that are reading from S3."""


class Stream:
    """What a channel sends to one host, epoch by epoch.

    `index` is the host's among the `hosts` that get data of the channel. Raises `DataError` or
    botocore's errors if there is nothing to send.

    Objects come one after the other, in key order or in that of the manifest. Of an augmented
    manifest, each line's `AttributeNames` come in their order: the object that an attribute names
    where its name ends in `-ref`, else its value as JSON. With `RecordWrapperType` RecordIO each
    object or value is a record of its own, and not cut in parts where it holds the magic number
    itself: only a reader that seeks needs that, and few read such parts. `ShardedByS3Key` deals
    out objects, or lines, after they have been shuffled: both as in `ShuffleConfig`. `disturb` is
    called with the size of each piece of an object: it may wait, or raise.
    """

    def __init__(
        self,
        client: S3Client,
        channel: Mapping[str, Any],
        index: int = 0,
        hosts: int = 1,
        disturb: Callable[[int], None] | None = None,
    ) -> None:
        self._client = client
        self._disturb = disturb
        self._source = channel["DataSource"]["S3DataSource"]
        self._is_packed = channel.get("CompressionType") == "Gzip"
        self._as_records = channel.get("RecordWrapperType") == "RecordIO"
        self._seed = channel.get("ShuffleConfig", {}).get("Seed")
        self._index, self._hosts = index, hosts
        self._lines: _Lines | None = None
        uri = self._source["S3Uri"]
        self._bucket, self._start = s3_objects.split(uri)
        self._names: list[str] = []
        match self._source["S3DataType"]:
            case "AugmentedManifestFile":
                self._lines = _Lines(s3_objects.opened(client, self._bucket, self._start)[1])
                self._count = len(self._lines)
            case "ManifestFile":
                self._bucket, self._start, self._names = channels.manifest(client, uri)
                self._count = len(self._names)
            case _:
                self._start = ""
                self._names = [key for key, _ in s3_objects.keys(client, uri)]
                self._count = len(self._names)
        if not self._count:
            raise s3_objects.DataError(f"no data under {uri}")

    def epoch(self, number: int) -> Iterator[bytes]:
        """The bytes of an epoch. Several may be read at once."""
        order: Sequence[int] = range(self._count)
        if self._seed is not None:
            order = array("Q", order)
            random.Random(f"{self._seed}/{number}").shuffle(order)  # noqa: S311  # no secret
        for at in channels.share(order, self._source, self._index, self._hosts):
            if self._lines is None:
                yield from self._object(self._bucket, self._start + self._names[at])
            else:
                yield from self._line(at, self._lines[at])

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()

    def _object(self, bucket: str, key: str) -> Iterator[bytes]:
        size, chunks = s3_objects.opened(self._client, bucket, key)
        if self._disturb is not None:
            chunks = _disturbed(chunks, self._disturb)
        name = f"s3://{bucket}/{key}"
        if self._is_packed:
            chunks = _unpacked(name, chunks)
        if not self._as_records:
            yield from chunks
        elif self._is_packed:
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
                file.writelines(chunks)
                size = file.tell()
                file.seek(0)
                yield from _record(name, size, iter(lambda: file.read(CHUNK), b""))
        else:
            yield from _record(name, size, chunks)

    def _line(self, at: int, line: bytes) -> Iterator[bytes]:
        where = f"line {at + 1} of {self._source['S3Uri']}"
        attributes = s3_objects.parsed(line, where)
        if not isinstance(attributes, dict):
            raise s3_objects.DataError(f"{where} is not a JSON object")
        for name in self._source["AttributeNames"]:
            if name not in attributes:
                raise s3_objects.DataError(f"{where} has no attribute {name}")
            value = attributes[name]
            if name.endswith("-ref"):
                if not isinstance(value, str):
                    raise s3_objects.DataError(f"{where}: {name} is not the URI of an object in S3")
                yield from self._object(*s3_objects.split(value))
                continue
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
                errors="backslashreplace"  # half a surrogate pair becomes what it is in JSON
            )
            if self._as_records:
                yield from _record(f"{name} of {where}", len(text), [text])
            else:
                yield text


class _Lines:
    """The lines of a text that aren't blank, in a file without a name; several may read it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._ends = array("Q", [0])
        try:
            for line in io.BufferedReader(TarReader(iter(chunks)), CHUNK):
                if line.strip():
                    self._file.write(line)
                    self._ends.append(self._file.tell())
            self._file.flush()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: int) -> bytes:
        begin, end = self._ends[at], self._ends[at + 1]
        return os.pread(self._file.fileno(), end - begin, begin)

    def close(self) -> None:
        self._file.close()


def _disturbed(chunks: Iterator[bytes], disturb: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        disturb(len(chunk))


def _unpacked(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BufferedReader(TarReader(chunks), CHUNK)) as file:
        while True:
            try:
                data = file.read(CHUNK)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise s3_objects.DataError(
                    f"{name} is not compressed with gzip: {error}"
                ) from error
            if not data:
                return
            yield data


def _record(name: str, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    if size >= RECORD_LIMIT:
        raise s3_objects.DataError(f"{name} has {size} bytes, too many for one record of RecordIO")
    yield struct.pack("<II", RECORD_MAGIC, size)
    yield from chunks
    yield bytes(-size % 4)


class Pipes:
    """The pipes of one container, in `folder`, and the threads that write into them.

    `streams` are the channels' by name, `files` the names of those that are files beside the pipes.
    `on_error` is called, from one of the threads, when data can't be read; `error` says why then,
    and the pipe stays open, so that its reader doesn't take what it has got for all.
    """

    def __init__(
        self,
        folder: Path,
        streams: Mapping[str, Stream],
        on_error: Callable[[], None],
        files: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.mounts = Mounts({DATA: folder}, [f"{DATA}/{name}" for name in files])
        self.error: Exception | None = None
        self._streams = streams
        self._on_error = on_error
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._waiting: set[Path] = set()
        self._closed = False
        # Nothing is written into it: that its other end is closed wakes those who wait.
        self._wake, self._wakes = os.pipe()
        for name in files:
            (folder / name).mkdir()  # which the engine could not make, where nothing is written

    def open(self) -> None:
        """Make each channel's first pipe."""
        for channel in self._streams:
            self._begin(channel, 0)

    def close(self) -> None:
        """End the threads. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting, threads = list(self._waiting), list(self._threads)
        os.close(self._wakes)
        deadline = time.monotonic() + CLOSE_TIMEOUT
        with contextlib.ExitStack() as readers:
            for path in waiting:
                # Who waits for a reader waits no longer once we are one.
                with contextlib.suppress(FileNotFoundError):
                    readers.callback(os.close, os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            _log.warning("threads of the pipes in %s have not ended", self.folder)
        else:
            os.close(self._wake)

    def _begin(self, channel: str, epoch: int) -> None:
        """Make the pipe of an epoch, and a thread that waits for its reader."""
        path = self.folder / f"{channel}_{epoch}"
        # Elsewhere first: it has its mode only when it exists, whatever the umask says.
        unfinished = self.folder.with_name(f"{self.folder.name}.{path.name}")
        os.mkfifo(unfinished)
        unfinished.chmod(0o644)
        unfinished.rename(path)
        thread = threading.Thread(
            target=self._run, args=(channel, epoch, path), name=f"pipe-{path.name}", daemon=True
        )
        with self._lock:
            if self._closed:
                return
            self._threads.add(thread)
            self._waiting.add(path)
            thread.start()

    def _run(self, channel: str, epoch: int, path: Path) -> None:
        pipe: int | None = None
        try:
            pipe = os.open(path, os.O_WRONLY)  # returns when there is a reader
            with self._lock:
                self._waiting.discard(path)
                if self._closed:
                    return
            os.set_blocking(pipe, False)
            # Before anything is read of this one, so that no reader looks for the next in vain.
            self._begin(channel, epoch + 1)
            for data in self._streams[channel].epoch(epoch):
                if not self._write(pipe, data):
                    break
        except Exception as error:  # noqa: BLE001  # whatever it is, the job can't go on
            if pipe is not None and not _is_read(pipe):
                return
            with self._lock:
                if self._closed:
                    return
                self.error = self.error or error
            self._on_error()
            self._wait_for_close()
        finally:
            if pipe is not None:
                path.unlink(missing_ok=True)  # who opened it once more would wait for nothing
                os.close(pipe)
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _write(self, pipe: int, data: bytes) -> bool:
        """Write it all; False if its reader has closed the pipe, or we are closed."""
        rest = memoryview(data)
        poll = select.poll()
        poll.register(pipe, select.POLLOUT)
        poll.register(self._wake, select.POLLIN)
        while rest:
            poll.poll()
            if self._closed:
                return False
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return False
        return True

    def _wait_for_close(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while not self._closed:
            poll.poll()


def _is_read(pipe: int) -> bool:
    """Whether somebody still has the other end open."""
    poll = select.poll()
    poll.register(pipe, 0)
    return not poll.poll(0)
