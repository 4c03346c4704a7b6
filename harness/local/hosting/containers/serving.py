"""A model in a container: `docker run IMAGE serve`, with its files, until `GET /ping` answers 200.

What endpoints and batch transform share ("Custom Inference Code with Hosting Services" in AWS's
developer guide).
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from harness.aws_model import instance_types, volumes
from harness.errors import EngineError
from harness.local.core.debug import debugger as debugging
from harness.local.data import model_archive, opt_ml, s3_objects
from harness.local.data.transfers import PASSING, Transfer
from harness.local.data.volumes import FullVolumeError, Volume
from harness.local.engine.errors import (
    ArchiveError,
    ImageError,
    MissingFolderError,
    NotRunningError,
    StartError,
    engine_lost,
)
from harness.local.engine.startup import PORT, Sockets, wait_healthy
from harness.local.hosting.containers import upstream
from harness.local.hosting.containers.model import objects
from harness.local.hosting.containers.upstream import CONNECTIONS, Pool

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.logs import LogStream
    from harness.local.engine.container import Container
    from harness.local.engine.streams.pieces import Piece
    from harness.local.hosting.containers.model import Model
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

PING_TIMEOUT = 2.0
"""Seconds within which `GET /ping` must answer."""

PING_CHUNK = 65_536

MODEL_FOLDER = "/opt/ml/model"

ADDITIONAL_FOLDER = "/opt/ml/additional-model-data-sources"
"""Where those of `AdditionalModelDataSources` stand, each in a folder named after its channel
(`AdditionalModelDataSource` in AWS's API reference)."""


class DeployError(Exception):
    """A model's container doesn't serve; the text says why, and becomes a failure reason."""


class UnhealthyError(DeployError):
    """The container ended before `GET /ping` answered 200, or the time was up."""

    def __init__(self, text: str, details: str) -> None:
        super().__init__(f"{text} {details}")
        self.details = details
        """What was seen of it, in brackets."""


class _Connection(urllib3.connection.HTTPConnection):
    """Sends nothing to whoever has the container's address when that has ended."""

    def __init__(
        self, host: str, *, is_there: Callable[[], bool], sockets: upstream.Sockets, **options: Any
    ) -> None:
        super().__init__(host, **options)
        self._is_there = is_there
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(cast("socket.socket", self.sock))
        if not self._is_there():
            self.close()
            raise urllib3.exceptions.NewConnectionError(self, "the container has ended")


class _ConnectionPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class Instance:
    """A container that serves: its connections, and the requests that it is answering."""

    def __init__(self, container: Container, *, is_debugged: bool = False) -> None:
        self.container = container
        self.is_debugged = is_debugged
        """Whether it may stand still, and is well then."""
        host, port = container.address
        sockets = upstream.Sockets()
        self.http = _ConnectionPool(
            host,
            port,
            maxsize=CONNECTIONS,
            retries=False,
            is_there=container.has_address,
            sockets=sockets,
        )
        self.connections = Pool(host, port, container.has_address, sockets=sockets)
        container.when_exited(sockets.end)
        self.requests = 0
        """How many requests it has been given and hasn't answered yet."""
        self.status: int | None = None
        """What the last ping was answered with, if anything."""
        self.refused = False
        """Whether it wasn't, as nothing listens."""
        self._changed = threading.Condition()

    def acquire(self) -> None:
        """Count a request that it is given; `release` once that is answered."""
        with self._changed:
            self.requests += 1

    def release(self) -> None:
        with self._changed:
            self.requests -= 1
            if not self.requests:
                self._changed.notify_all()

    def wait_idle(self, limit: float) -> bool:
        """Wait until it has answered all its requests; False if `limit` seconds were too few."""
        with self._changed:
            return self._changed.wait_for(lambda: self.requests == 0, limit)

    def ping(self) -> bool:
        """Whether `GET /ping` answers 200 within AWS's two seconds."""
        deadline = time.monotonic() + PING_TIMEOUT
        self.status, self.refused = None, False
        try:
            response = self.http.request(
                "GET", "/ping", timeout=PING_TIMEOUT, preload_content=False, redirect=False
            )
            self.status = response.status
            try:
                while response.read1(PING_CHUNK):  # a body that drips must not hold us up
                    if time.monotonic() > deadline:
                        return False
                response.release_conn()
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            self.refused = isinstance(error, urllib3.exceptions.NewConnectionError)
            return False
        return response.status == 200

    def disconnect(self) -> None:
        """Close the connections that are idle; the others close after their exchange.

        Do so before the container ends: it confirms it then. The kernel would repeat the end of a
        connection for a minute, and ask for the address each time, which delays the next container
        that gets it by up to a second.
        """
        self.http.close()
        self.connections.close()

    def stop(self, grace: int) -> None:
        """Close the connections, and stop the container, as `Container.stop` does."""
        self.disconnect()
        self.container.stop(grace)

    def end(self, grace: int, drain: float) -> None:
        """Let it answer what it was asked, `drain` seconds at most; `stop`, and `close` it.

        Without `grace` it goes at once.
        """
        try:
            if grace:
                self.wait_idle(drain)
                self.stop(grace)
        except EngineError as error:
            _log.warning("%s: %s", self.container.name, error)
        self.close()

    def kill(self, *, out_of_memory: bool) -> None:
        """Kill the container, unless it has ended, as a fault on demand."""
        if self.container.exited.is_set():
            return
        try:
            self.container.kill(out_of_memory=out_of_memory)
        except EngineError as error:
            _log.warning("%s: nothing was killed on demand: %s", self.container.name, error)

    def close(self) -> None:
        """Close the connections, and remove the container."""
        self.disconnect()
        self.container.remove()


def start(
    backend: Backend,
    context: RequestContext,
    model: Model,
    *,
    name: str,
    hostname: str,
    log: LogStream,
    limit: float,
    abandoned: Callable[[], bool],
    owner: str,
    resource: str,
    instance_type: str = "",
    volume_size: int | None = None,
    environment: Mapping[str, str] | None = None,
    download_limit: float = math.inf,
    on_exit: Callable[[], None] | None = None,
    on_transfer: Callable[[str], None] | None = None,
    flaps: Callable[[], bool] = bool,
) -> Instance:
    """Start a container for a model, and return once it is healthy.

    Args:
        name: what the container's name begins with.
        log: where its output goes.
        limit: seconds from its start in which it must become healthy.
        abandoned: asked again and again while it isn't; true ends the wait.
        owner: whose container it is, in the words of failure reasons: "production variant v".
        resource: whose logs are to be read, in the same words: "endpoint".
        instance_type: whose memory and processors it has.
        volume_size: GB of its volume, which the model must fit into, and what it writes, where the
            engine can limit that; by default the type's.
        environment: variables on top of the model's own.
        download_limit: seconds that the model's files may take to be there.
        on_exit: called from a thread of its own when the container has ended, for whatever reason.
        on_transfer: called with how far the model's files are, if that takes more than a second,
            and with nothing once they are there; and with where the container listens, if that is
            where nobody asks it.
        flaps: asked before each ping; true is a ping that fails.

    Raises:
        DeployError: why it doesn't serve, in AWS's words. No container is left.
        EngineError: the Docker engine doesn't answer.
    """
    image = model.container["Image"]
    try:
        backend.containers.require_image(image)
    except ImageError as error:
        raise DeployError(
            f"The image '{image}' does not exist: {error}. Please check that it is on this "
            "machine or in a registry that it can reach."
        ) from error

    def tell(text: str) -> None:
        _log.info("%s: %s", name, text, extra=PASSING)
        if on_transfer:
            on_transfer(text)

    def hint(text: str) -> None:
        _log.info("%s: %s", name, text)  # who waits for the endpoint is told it by its status
        if on_transfer:
            on_transfer(text)

    own = {**model.container.get("Environment", {}), **(environment or {})}
    try:
        debugger = debugging.wanted(backend.containers, image, own, isolated=model.isolated)
    except debugging.DebugError as error:
        raise DeployError(f"{error}.") from error
    container = _create(
        backend,
        image,
        debugger,
        name=name,
        hostname=hostname,
        command=["serve"],
        environment=backend.container_environment(
            context,
            image,
            {**own, **debugger.environment} if debugger else own,
            isolated=model.isolated,
        ),
        port=PORT,
        isolated=model.isolated,
        memory=instance_types.memory(instance_type),
        cpus=instance_types.cpus(instance_type),
        gpus=backend.gpus(instance_type),
        disk=volume_size * instance_types.GIB if volume_size else None,
    )
    try:
        volume = Volume(volumes.size(instance_type, volume_size))
        put_model(backend, container, model, tell, volume, download_limit)
        if on_transfer:
            on_transfer("")
        if debugger:
            container.put("/", opt_ml.tar_stream(opt_ml.files(debugging.files())))
            limit = max(limit, debugging.SECONDS)
        return _serve(
            container, log, limit, abandoned, owner=owner, resource=resource, on_exit=on_exit,
            flaps=flaps, hint=hint, is_debugged=debugger is not None,
        )  # fmt: skip
    except BaseException:
        container.remove()
        raise


def _create(
    backend: Backend, image: str, debugger: debugging.Debugger | None, **options: Any
) -> Container:
    """The container, with its debugger's port published, if it has one."""
    if debugger is None:
        return backend.containers.create(image, **options)
    try:
        return backend.containers.create(image, **options, debugged=debugger.ports)
    finally:
        backend.containers.free(debugger.port)


def _serve(
    container: Container,
    log: LogStream,
    limit: float,
    abandoned: Callable[[], bool],
    *,
    owner: str,
    resource: str,
    on_exit: Callable[[], None] | None,
    flaps: Callable[[], bool],
    hint: Callable[[str], None],
    is_debugged: bool,
) -> Instance:
    """Start the container, and wait until it is healthy."""
    deadline = time.monotonic() + limit
    try:
        container.start(log.write, on_exit)
    except StartError as error:
        raise DeployError(
            "CannotStartContainerError. Please ensure the model container for "
            f"{owner.removeprefix('production ')} starts correctly when invoked with "
            f"'docker run <image> serve'. ({error})"
        ) from error
    instance: Instance | None = None
    sockets = Sockets(container, hint)
    try:
        instance = Instance(container, is_debugged=is_debugged)
    except NotRunningError:
        container.exited.wait(PING_TIMEOUT)
    if instance is not None:
        if wait_healthy(container, instance, sockets, deadline, abandoned=abandoned, flaps=flaps):
            return instance
        if abandoned():
            raise DeployError("It was deleted while its container was being started.")
    if container.exited.is_set() and container.exit_code is None:
        raise engine_lost()
    log.flush()
    seen = _seen(container, limit, instance.status if instance else None, sockets.hint)
    said = log.words.said
    raise UnhealthyError(
        f"The primary container for {owner} did not pass the ping health check. Please check "
        f"CloudWatch logs for this {resource}.",
        f"({seen}; {said})" if said else f"({seen}.)",
    )


def put_model(
    backend: Backend,
    container: Container,
    model: Model,
    tell: Callable[[str], None],
    volume: Volume,
    limit: float,
) -> None:
    """Put the model's files into /opt/ml/model, and beside it those that it has in addition.

    Raises `DeployError` with AWS's words, also if that takes longer than `limit` seconds.
    """
    until = time.monotonic() + limit

    def check(_: int) -> None:
        if time.monotonic() > until:
            raise DeployError(
                f"Model data was not downloaded within {limit:g} s, its "
                "ModelDataDownloadTimeoutInSeconds."
            )

    def transfer() -> Transfer:
        return Transfer("Downloading model data", tell, check)

    source = model.data_source
    sdk_files = backend.container_files(isolated=model.isolated)
    if sdk_files:  # alone: what the image's folders are like stays as it is
        container.put("/", opt_ml.tar_stream(opt_ml.files(sdk_files)))
    if not source:
        _put_folders(container)
    elif not _put_source(backend, container, source, MODEL_FOLDER, transfer(), volume.empty()):
        _put_folders(container)  # most images have them, and a put takes 50 ms
        _put_source(backend, container, source, MODEL_FOLDER, transfer(), volume.empty())
    if model.additional:
        names = [f"{ADDITIONAL_FOLDER.strip('/')}/{name}" for name in model.additional]
        _put_folders(container, ADDITIONAL_FOLDER.strip("/"), *names)
    for name, additional in model.additional.items():
        folder = f"{ADDITIONAL_FOLDER}/{name}"
        _put_source(backend, container, additional, folder, transfer(), volume)


def _put_source(
    backend: Backend,
    container: Container,
    source: Mapping[str, Any],
    folder: str,
    transfer: Transfer,
    volume: Volume,
) -> bool:
    """Put the files of an `S3ModelDataSource` into a folder; False if that isn't there."""
    url = source["S3Uri"]
    try:
        container.put(folder, _files(backend, source, transfer, volume))
    except MissingFolderError:
        return False
    except FullVolumeError as error:
        raise DeployError(
            "The model data archive is too large. Please reduce the size of the model data "
            f"archive or move to an instance type with more memory. ({url}: {error})"
        ) from error
    except (ClientError, BotoCoreError, s3_objects.DataError) as error:
        reason = s3_objects.reason(error, url)
        raise DeployError(f"Could not access model data at {url}: {reason}.") from error
    except (ArchiveError, opt_ml.ContentError) as error:
        raise DeployError(
            f'Failed to extract model data archive from URL "{url}". Please ensure that the '
            f"object located at the URL is a valid tar.gz archive. ({error})"
        ) from error

    return True


def _put_folders(container: Container, *more: str) -> None:
    folders = (*opt_ml.MODEL_FOLDERS, *more)
    container.put("/", opt_ml.tar_stream(map(opt_ml.folder, folders)))


def _files(
    backend: Backend, source: Mapping[str, Any], transfer: Transfer, volume: Volume
) -> Iterator[Piece]:
    """A tar of an `S3ModelDataSource`: what its archive holds, or its objects."""
    if source["CompressionType"] == "Gzip":
        size, pieces = s3_objects.pieces(backend.s3, *s3_objects.split(source["S3Uri"]))
        transfer.expect(size)
        return model_archive.unpacked(transfer.counted(pieces), volume)
    found = objects(backend.s3, dict(source))
    if not found:
        raise s3_objects.DataError("there is no such object")
    return opt_ml.tar_stream(s3_objects.entries(backend.s3, ".", found, transfer), volume)


def _seen(container: Container, limit: float, status: int | None, hint: str) -> str:
    """What was seen of a container that isn't healthy."""
    if container.exited.is_set():
        memory = ", out of memory" if container.out_of_memory else ""
        return f"The container exited with code {container.exit_code}{memory}"
    text = f"GET /ping on port {PORT} did not answer 200 within {limit:g} s"
    if status not in (None, 200):
        return f"{text}, but {status}"
    return f"{text}: {hint}" if hint else text
