"""An instance of a transform job at work: requests to its container, answers into S3."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import shutil
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from harness.local.data import records, s3_objects
from harness.local.data.artifacts import SMALL
from harness.local.data.opt_ml import CHUNK
from harness.local.data.records import RecordError
from harness.local.engine.errors import engine_lost
from harness.local.jobs.cluster import OUT_OF_MEMORY
from harness.local.jobs.job import JobError
from harness.local.jobs.transform.answers import beginning, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from harness.local.core.backend import Backend
    from harness.local.core.logs import LogStream
    from harness.local.hosting.containers.serving import Instance
    from harness.local.jobs.transform.filters import Processing
    from harness.local.jobs.transform.settings import Settings

INVOCATION_TIMEOUT = 600
"""Seconds for an answer, and below it retries: `ModelClientConfig`'s defaults."""
INVOCATION_RETRIES = 3

READ_AHEAD = 8
"""Requests that wait, beyond those under way, so that the container has always something to do."""

EXIT_WAIT = 1.0
"""Seconds in which a container that broke a connection off is found to have ended."""

SPOOL = 1 << 20
"""Bytes of an answer, and of an output, that are held in memory before they go into a file."""

DATA_ERRORS = (RecordError, s3_objects.DataError, ClientError, BotoCoreError)
"""What is raised for data that can't be read, written, or made sense of."""


class InvocationError(Exception):
    """A request that the container didn't answer as it should.

    `fault` is AWS's name for whose it is; `message` what the container said.
    """

    def __init__(self, fault: str, text: str, message: str = "", *, again: bool = False) -> None:
        super().__init__(text)
        self.fault = fault
        self.message = message
        self.again = again
        """Whether the same request may succeed."""


class Transform(Protocol):
    """The transform job, as far as its workers need it."""

    name: str
    request: Mapping[str, Any]
    backend: Backend
    processing: Processing | None

    def check_stopped(self) -> None:
        """Raise `JobStoppedError` once the job is to be stopped."""

    def failed(self, reason: str) -> None:
        """An object wasn't transformed."""


class _Output:
    """The output of one object, in a temporary file until all of it is there."""

    def __init__(self, item: s3_objects.Object) -> None:
        self.item = item
        self.file = _file()
        self.failed = False


class Worker:
    """An instance at work: requests to its container, and their answers into S3."""

    def __init__(
        self,
        job: Transform,
        instance: Instance,
        settings: Settings,
        log: LogStream,
        data_log: LogStream,
    ) -> None:
        self._job = job
        self._instance = instance
        self._settings = settings
        self._log = log
        self._data_log = data_log
        request = job.request
        self._input = {"CompressionType": "None", "SplitType": "None", **request["TransformInput"]}
        self._output = request["TransformOutput"]
        self._assemble_with = self._output.get("AssembleWith", "None")
        client = request.get("ModelClientConfig", {})
        self._timeout = client.get("InvocationsTimeoutInSeconds", INVOCATION_TIMEOUT)
        self._retries = client.get("InvocationsMaxRetries", INVOCATION_RETRIES)
        given = {
            "Content-Type": self._input.get("ContentType"),
            "Accept": self._output.get("Accept"),
        }
        self._headers = {name: value for name, value in given.items() if value}

    def transform(self, objects: Sequence[s3_objects.Object]) -> None:
        """Transform the objects; their answers are taken in the order of the requests.

        A request of one object doesn't wait for another's, so that many small ones are
        concurrent, too.
        """
        concurrent = self._settings.concurrent
        window = concurrent + min(concurrent, READ_AHEAD)
        pending: deque[tuple[_Output, Future[IO[bytes]] | None]] = deque()
        with _Threads(self._job.backend, concurrent, self._job.name) as threads:
            for item in objects:
                output = _Output(item)
                try:
                    for call in self._calls(item):
                        self._take(pending, window - 1)
                        if output.failed:
                            break
                        pending.append((output, threads.submit(call)))
                except DATA_ERRORS as error:
                    self._fail(output, "ClientError", str(error))
                pending.append((output, None))
                self._take(pending, window)
            self._take(pending, 0)

    def _calls(self, item: s3_objects.Object) -> Iterator[Callable[[], IO[bytes]]]:
        """The requests for an object, made as they are asked for."""
        processing, settings = self._job.processing, self._settings
        kind = self._input["SplitType"]
        together = kind == "None" or settings.strategy == "MultiRecord"
        if settings.payload_in_mb == 0 and together and processing is None:
            yield partial(self._invoke, item)  # in chunks, however large it is
            return
        with contextlib.closing(self._chunks(item)) as chunks:
            for body in records.requests(chunks, kind, settings.strategy, settings.limit):
                self._job.check_stopped()
                if processing is None or body.strip():  # there are filters for records only
                    yield partial(self._invoke, body)

    def _chunks(self, item: s3_objects.Object) -> Generator[bytes, None, None]:
        """The object's bytes, decompressed."""
        stored = s3_objects.chunks(self._job.backend.s3, item.bucket, item.key)
        yield from records.decompressed(stored, self._input["CompressionType"])

    # Requests, in threads of their own.

    def _invoke(self, body: bytes | s3_objects.Object) -> IO[bytes]:
        """What is written for a request: the container's answer, filtered and joined."""
        processing = self._job.processing
        if processing is None or not isinstance(body, bytes):
            answer = self._answer(body)
        else:
            answer = self._answer(processing.to_model(body))
            if processing.changes_answers:
                with answer:
                    processed = processing.from_model(body, answer.read())
                answer = _file()
                answer.write(processed)
        size = answer.seek(0, os.SEEK_END)
        answer.seek(max(0, size - 1))
        answer.write(records.ended(answer.read(), self._assemble_with))
        answer.seek(0)
        return answer

    def _answer(self, body: bytes | s3_objects.Object) -> IO[bytes]:
        """The container's answer, to be read from its beginning."""
        for attempt in itertools.count():
            self._job.check_stopped()
            try:
                return self._post(body if isinstance(body, bytes) else self._chunks(body))
            except InvocationError as error:
                self._check_running()
                if attempt == self._retries or not error.again:
                    raise
        raise AssertionError

    def _post(self, body: bytes | Iterator[bytes]) -> IO[bytes]:
        deadline = time.monotonic() + self._timeout
        try:
            response = self._instance.http.urlopen(
                "POST",
                "/invocations",
                body=body,
                headers=self._headers,
                timeout=self._timeout,
                chunked=not isinstance(body, bytes),
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            if not 200 <= response.status < 300:
                raise _refused(response.status, beginning(response, deadline))
            answer = _file()
            for chunk in read(response, deadline):
                answer.write(chunk)
            answer.seek(0)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise InvocationError(
                "AlgorithmError",
                f"Model server did not respond to /invocations request within {self._timeout} "
                "seconds",
                again=True,
            ) from error
        except urllib3.exceptions.HTTPError as error:
            self._instance.container.exited.wait(EXIT_WAIT)
            raise InvocationError(
                "AlgorithmError", "Unable to get response from algorithm", again=True
            ) from error
        return answer

    def _check_running(self) -> None:
        """Raise what ends the work of this instance, if its container has ended."""
        container = self._instance.container
        if not container.exited.is_set():
            return
        self._job.check_stopped()
        if container.exit_code is None:
            raise engine_lost()
        if container.out_of_memory:
            raise JobError(OUT_OF_MEMORY)
        words = self._log.words.said or "no output"
        raise JobError(
            "AlgorithmError: Unable to get response from algorithm: the model container exited "
            f"with code {container.exit_code} ({words})"
        )

    # Answers.

    def _take(self, pending: deque[tuple[_Output, Future[IO[bytes]] | None]], keep: int) -> None:
        """Take the answers to the first requests, until there are no more than `keep` of them.

        None instead of an answer is the end of an object.
        """
        requests = sum(future is not None for _, future in pending)
        while pending and (requests > keep or pending[0][1] is None):
            output, future = pending.popleft()
            if future is not None:
                requests -= 1
                self._write(output, future)
                continue
            with output.file:
                if not output.failed:
                    self._upload(output)

    def _write(self, output: _Output, future: Future[IO[bytes]]) -> None:
        """Write the answer to a request behind those before it."""
        if output.failed and future.cancel():
            return
        try:
            with future.result() as answer:
                if not output.failed:
                    shutil.copyfileobj(answer, output.file, CHUNK)
        except InvocationError as error:
            self._fail(output, error.fault, str(error), error.message)
        except DATA_ERRORS as error:
            self._fail(output, "ClientError", str(error))

    def _upload(self, output: _Output) -> None:
        self._job.check_stopped()
        client = self._job.backend.s3
        prefix = self._output["S3OutputPath"].rstrip("/")
        size = output.file.seek(0, os.SEEK_END)
        output.file.seek(0)
        try:
            bucket, key = s3_objects.split(f"{prefix}/{output.item.path}.out")
            if size <= SMALL:
                client.put_object(Bucket=bucket, Key=key, Body=output.file.read())
            else:
                client.upload_fileobj(output.file, bucket, key)
        except DATA_ERRORS as error:
            self._fail(output, "ClientError", f"Failed to upload the output: {error}")

    def _fail(self, output: _Output, fault: str, text: str, message: str = "") -> None:
        """Give an object up: its data log says why, as AWS writes it, and so does the job."""
        if output.failed:
            return
        output.failed = True
        where = f"{output.item.bucket}/{output.item.key}"
        lines = [text, "", "Message:", *message.splitlines()] if message else [text]
        for line in lines:
            write(self._data_log, f"{where}: {line}")
        said = f"{text}: {message}" if message else text
        self._job.failed(f"{fault}: See job logs for more information ({where}: {said})")


class _Threads:
    """Threads that make calls, so many at once. Daemons: those of `concurrent.futures` hold the
    interpreter up, for as long as a container may take to answer.
    """

    def __init__(self, backend: Backend, size: int, name: str) -> None:
        self._backend = backend
        self._size = size
        self._name = name
        self._started = 0
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._calls = queue.SimpleQueue()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def submit(self, call: Callable[[], IO[bytes]]) -> Future[IO[bytes]]:
        future: Future[IO[bytes]] = Future()
        self._calls.put((future, call))
        if self._started < self._size:
            self._started += 1
            self._backend.spawn(self._work, f"invoke-{self._name}")
        return future

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            future, call = task
            if not self._closed.is_set() and future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 - raised by who takes the result
                    future.set_exception(error)
            del task, future, call  # which hold a request's body

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for _thread in range(self._started):
            self._calls.put(None)


def _file() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(SPOOL)


def _refused(status: int, body: bytes) -> InvocationError:
    """In AWS's words; what the container is to blame for may succeed another time."""
    message = body.decode("utf-8", "replace").strip()
    if 400 <= status < 500:
        return InvocationError("ClientError", f"ClientError: {status}", message)
    return InvocationError(
        "AlgorithmError", f"Bad HTTP status received from algorithm: {status}", message, again=True
    )
