"""Files into a container and out of it, as tar streams: one archive at a time.

The engine (20.10 does) holds a container's lock while an archive of it streams, and answers
nothing else that is asked about the container. Who asked meanwhile would wait for gigabytes, and
take an engine that is busy for one that is lost. So the others wait here, for as long as bytes
flow; the limit `errors.TIMEOUT` is one on the silence between them.
"""

from __future__ import annotations

import contextlib
import http
import threading
import urllib.parse
import weakref
from typing import TYPE_CHECKING, Protocol

from docker.errors import APIError
from docker.transport import UnixHTTPAdapter

from harness.errors import EngineError
from harness.local.engine import errors
from harness.local.engine.errors import (
    ArchiveError,
    MissingFolderError,
    engine_errors,
    engine_host,
    engine_words,
)
from harness.local.engine.streams import calls

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from docker import APIClient

    from harness.local.engine.streams.pieces import Piece

PIECE = 1 << 20


class Archives:
    """The archives of one container, put and got by any threads."""

    def __init__(self, api: APIClient, container: str) -> None:
        """`container` is its id."""
        self._api = api
        self._id = container
        self._turn = threading.Lock()
        self._streams: weakref.ref[Archive] | None = None
        """The one that was got last."""
        self._ended = False

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No archive streams while the block asks the engine about the container."""
        with self._turn:
            yield

    def end(self) -> None:
        """Break off the archive that streams, and begin no other: the container is to go."""
        self._ended = True
        if streams := self._streams and self._streams():
            streams.close()

    def wait(self) -> None:
        """Wait until no archive streams."""
        with self._turn:
            pass

    def put(self, path: str, tar: Iterable[Piece]) -> None:
        """Extract a tar (plain or compressed) in the folder `path`, streamed.

        Raises `MissingFolderError` if there is no such folder, `ArchiveError` if the tar can't be
        extracted.
        """
        source = _Source(self._until_end(tar))
        with self.alone():
            try:
                with engine_errors():
                    status, words = self._put(path, source)
            except EngineError:
                # An S3 object that can't be read may look like a lost connection to the engine.
                if source.error is not None:
                    raise source.error from None
                raise
        if status == http.HTTPStatus.NOT_FOUND:
            raise MissingFolderError(words)
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise ArchiveError(words)

    def _put(self, path: str, source: _Source) -> tuple[int, str]:
        """The engine's status, and what it says if that is an error."""
        if socket := self._socket():
            return calls.put(socket, self._url(path), source, errors.TIMEOUT)
        try:
            self._api.put_archive(self._id, path, source.read())
        except APIError as error:
            return int(error.status_code or 500), engine_words(error)
        return http.HTTPStatus.OK, ""

    def get(self, path: str) -> Archive | None:
        """Stream a file or folder as a tar whose names begin with its last part.

        None if it doesn't exist. Read it to its end or close it: until then this container has no
        other. Reading it, too, raises `EngineError`.
        """
        self._turn.acquire()
        try:
            with engine_errors():
                answer = self._get(path)
        except BaseException:
            self._turn.release()
            raise
        if answer is None:
            self._turn.release()
            return None
        archive = Archive(self._until_end(_read(answer)), answer, self._turn)
        self._streams = weakref.ref(archive)
        return archive

    def _get(self, path: str) -> _Answer | None:
        if self._ended:
            raise _ended()
        answer: _Answer
        if socket := self._socket():
            answer = calls.get(socket, self._url(path), errors.TIMEOUT)
        else:
            answer = _Elsewhere(self._api, self._url(path))
        if answer.status == http.HTTPStatus.OK:
            return answer
        with contextlib.closing(answer):
            if answer.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise EngineError(f"the Docker engine at {engine_host()} says: {answer.message}")

    def _socket(self) -> str:
        """The path of the engine's Unix socket; empty if it is somewhere else."""
        engine = self._api.get_adapter(self._api.base_url)
        return engine.socket_path if isinstance(engine, UnixHTTPAdapter) else ""

    def _url(self, path: str) -> str:
        where = urllib.parse.urlencode({"path": path})
        return f"/v{self._api.api_version}/containers/{self._id}/archive?{where}"

    def _until_end(self, pieces: Iterable[Piece]) -> Generator[Piece, None, None]:
        for piece in pieces:
            if self._ended:
                raise _ended()
            yield piece


class Archive:
    """A tar stream out of a container; closes itself at its end, and at an error."""

    def __init__(self, pieces: Iterator[Piece], answer: _Answer, turn: threading.Lock) -> None:
        """`turn` is this one's, and given on by `close`."""
        self._pieces = pieces
        self._answer = answer
        self._turn: threading.Lock | None = turn
        self._is_over = False
        self._reading = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._reading:
            if self._is_over:
                raise StopIteration
            if self._turn is None:
                raise _ended()
            try:
                return bytes(next(self._pieces))
            except StopIteration:
                self._is_over = True
                self._close()
                raise
            except BaseException:
                self._close()
                raise

    def close(self) -> None:
        """Hang up, so that the engine has time for the container again. May be called twice.

        By any thread: one that is reading gets its piece first.
        """
        with self._reading:
            self._close()

    def _close(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._answer.close()
            turn.release()

    def __del__(self) -> None:
        self._close()


class _Source:
    """The pieces of a stream to the engine; `error` is what reading them has raised."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = pieces
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Piece]:
        try:
            yield from self._pieces
        except Exception as error:
            self.error = error
            raise

    def read(self) -> Iterator[bytes]:
        for piece in self:
            yield from [piece] if isinstance(piece, bytes) else piece


class _Answer(Protocol):
    """What an engine answers: an archive, or why there is none."""

    status: int

    def __iter__(self) -> Iterator[bytes]: ...

    @property
    def message(self) -> str: ...

    def close(self) -> None: ...


class _Elsewhere:
    """The answer of an engine that isn't at a Unix socket."""

    def __init__(self, api: APIClient, url: str) -> None:
        self._response = api.get(f"{api.base_url}{url}", stream=True, timeout=errors.TIMEOUT)
        self.status = self._response.status_code

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response.iter_content(PIECE))

    @property
    def message(self) -> str:
        try:
            return str(self._response.json()["message"])
        except (ValueError, KeyError, TypeError):
            return self._response.text

    def close(self) -> None:
        self._response.close()


def _read(answer: _Answer) -> Iterator[bytes]:
    with engine_errors():
        yield from answer


def _ended() -> EngineError:
    return EngineError("the container is being removed")
