"""A model in a container: `docker run IMAGE serve`, with its files, until `GET /ping` answers 200.

What endpoints and batch transform share ("Custom Inference Code with Hosting Services" in AWS's
developer guide).
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from harness.aws_model import instance_types, volumes
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
from harness.local.hosting.upstream import CONNECTIONS, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.logs import LogStream
    from harness.local.engine.container import Container
    from harness.local.engine.streams.pieces import Piece
    from harness.local.hosting.models import Model
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

PORT = 8080

PING_TIMEOUT = 2.0
"""Seconds within which `GET /ping` must answer."""

PING_CHUNK = 65_536

PING_INTERVAL = 0.02
"""Seconds between two pings of a container that doesn't answer yet."""

FLAP_INTERVAL = 0.5
"""The same after a ping that a fault on demand lets fail."""

MODEL_FOLDER = "/opt/ml/model"


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

    def __init__(self, host: str, *, is_there: Callable[[], bool], **options: Any) -> None:
        super().__init__(host, **options)
        self._is_there = is_there

    def connect(self) -> None:
        super().connect()
        if not self._is_there():
            self.close()
            raise urllib3.exceptions.NewConnectionError(self, "the container has ended")


class _ConnectionPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class Instance:
    """A container that serves: its connections, and the requests that it is answering."""

    def __init__(self, container: Container) -> None:
        self.container = container
        host, port = container.address
        self.http = _ConnectionPool(
            host, port, maxsize=CONNECTIONS, retries=False, is_there=container.has_address
        )
        self.connections = Pool(host, port, container.has_address)
        self.requests = 0
        """How many requests it has been given and hasn't answered yet."""
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
        try:
            response = self.http.request(
                "GET", "/ping", timeout=PING_TIMEOUT, preload_content=False, redirect=False
            )
            try:
                while response.read1(PING_CHUNK):  # a body that drips must not hold us up
                    if time.monotonic() > deadline:
                        return False
                response.release_conn()
            finally:
                response.close()
        except urllib3.exceptions.HTTPError:
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
        on_exit: called from a thread of its own when the container has ended, for whatever reason.
        on_transfer: called with how far the model's files are, if that takes more than a second,
            and with nothing once they are there.
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

    container = backend.containers.create(
        image,
        name=name,
        hostname=hostname,
        command=["serve"],
        environment=backend.container_environment(
            context.region,
            image,
            {**model.container.get("Environment", {}), **(environment or {})},
            isolated=model.isolated,
        ),
        port=PORT,
        isolated=model.isolated,
        memory=instance_types.memory(instance_type),
        cpus=instance_types.cpus(instance_type),
        disk=volume_size * instance_types.GIB if volume_size else None,
    )
    try:
        volume = Volume(volumes.size(instance_type, volume_size))
        put_model(backend, container, model, tell, volume)
        if on_transfer:
            on_transfer("")
        return _serve(
            container, log, limit, abandoned, owner=owner, resource=resource, on_exit=on_exit,
            flaps=flaps,
        )  # fmt: skip
    except BaseException:
        container.remove()
        raise


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
    instance = _wait_healthy(container, deadline, abandoned, flaps)
    if instance is not None:
        return instance
    if container.exited.is_set() and container.exit_code is None:
        raise engine_lost()
    log.flush()
    raise UnhealthyError(
        f"The primary container for {owner} did not pass the ping health check. Please check "
        f"CloudWatch logs for this {resource}.",
        _last_words(container, log.last_line, limit),
    )


def _wait_healthy(
    container: Container,
    deadline: float,
    abandoned: Callable[[], bool],
    flaps: Callable[[], bool],
) -> Instance | None:
    """Ping until the answer is 200; None if the container ends, or the time is up."""
    try:
        instance = Instance(container)
    except NotRunningError:
        container.exited.wait(PING_TIMEOUT)
        return None
    while (flapped := flaps()) or not instance.ping():
        if abandoned():
            raise DeployError("It was deleted while its container was being started.")
        pause = FLAP_INTERVAL if flapped else PING_INTERVAL
        if container.exited.wait(pause) or time.monotonic() > deadline:
            return None
    return instance


def put_model(
    backend: Backend,
    container: Container,
    model: Model,
    tell: Callable[[str], None],
    volume: Volume,
) -> None:
    """Put the model's files into /opt/ml/model. Raises `DeployError` with AWS's words."""
    url, sdk_files = model.data_url, backend.container_files(isolated=model.isolated)
    if url is None:
        _put_folders(container, sdk_files)
        return
    if sdk_files:  # alone: what the image's folders are like stays as it is
        container.put("/", opt_ml.tar_stream(opt_ml.files(sdk_files)))
    try:
        try:  # most images have the folder, and a put takes 50 ms
            container.put(MODEL_FOLDER, _files(backend, model, url, tell, volume.empty()))
        except MissingFolderError:
            _put_folders(container, {})
            container.put(MODEL_FOLDER, _files(backend, model, url, tell, volume.empty()))
    except FullVolumeError as error:
        raise DeployError(
            "The model data archive is too large. Please reduce the size of the model data "
            f"archive or move to an instance type with more memory. ({url}: {error})"
        ) from error
    except (ClientError, BotoCoreError, s3_objects.DataError) as error:
        raise DeployError(f"Could not access model data at {url}: {error}.") from error
    except (ArchiveError, opt_ml.ContentError) as error:
        raise DeployError(
            f'Failed to extract model data archive from URL "{url}". Please ensure that the '
            f"object located at the URL is a valid tar.gz archive. ({error})"
        ) from error


def _put_folders(container: Container, sdk_files: Mapping[str, bytes]) -> None:
    folders = map(opt_ml.folder, opt_ml.MODEL_FOLDERS)
    container.put("/", opt_ml.tar_stream(itertools.chain(folders, opt_ml.files(sdk_files))))


def _files(
    backend: Backend, model: Model, url: str, tell: Callable[[str], None], volume: Volume
) -> Iterator[Piece]:
    """A tar of what belongs in /opt/ml/model: what the model's archive holds, or its objects."""
    transfer = Transfer("Downloading model data", tell)
    if model.compressed:
        size, pieces = s3_objects.pieces(backend.s3, *s3_objects.split(url))
        transfer.expect(size)
        return model_archive.unpacked(transfer.counted(pieces), volume)
    found = model.objects(backend.s3)
    if not found:
        raise s3_objects.DataError("there is no such object")
    return opt_ml.tar_stream(s3_objects.entries(backend.s3, ".", found, transfer), volume)


def _last_words(container: Container, last_line: str, limit: float) -> str:
    if not container.exited.is_set():
        text = f"GET /ping on port {PORT} did not answer 200 within {limit:g} s"
    else:
        text = f"The container exited with code {container.exit_code}"
        if container.out_of_memory:
            text += ", out of memory"
    return f"({text}; its last log line: {last_line})" if last_line else f"({text}.)"
