"""A Docker engine that goes away in the middle: a forwarder stands before it, and is cut."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.engine import errors as engine_errors
from harness.local.engine import sessions
from harness.local.engine.containers import Containers
from harness.local.jobs import cluster
from tests.integration.support import AWS, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

GROUP = "/aws/sagemaker/TrainingJobs"
CLOSE = 60

CREATE = rb"^POST /v[\d.]+/containers/create"
PUT = rb"^PUT /v[\d.]+/containers/\w+/archive"
ATTACH = rb"^POST /v[\d.]+/containers/\w+/attach"
START = rb"^POST /v[\d.]+/containers/\w+/start"
WAIT = rb"^POST /v[\d.]+/containers/\w+/wait HTTP"  # not one for a removal, of what others left
GET = rb"^GET /v[\d.]+/containers/\w+/archive"

pytestmark = pytest.mark.timeout(180)


class Forwarder:
    """Stands at a unix socket before the engine's own.

    `cut` closes all connections and takes no more, `freeze` keeps them and passes nothing on.
    """

    def __init__(self, path: Path, engine: str) -> None:
        self.address = f"unix://{path}"
        self._path = path
        self._engine = engine
        self._open: Any = True  # `cut` may change it between two looks
        self._flows = threading.Event()
        self._flows.set()
        self._connections: set[socket.socket] = set()
        self._cut_at: tuple[re.Pattern[bytes], bool] | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, request: bytes, *, answered: bool = False) -> None:
        """Cut when such a request comes: unseen by the engine, or when that has `answered`."""
        self._cut_at = re.compile(request), answered

    def cut(self) -> None:
        self._open = False
        self._path.unlink(missing_ok=True)
        for connection in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        self._flows.clear()

    def close(self) -> None:
        self.cut()
        self._flows.set()

    def _accept(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._open:
                    client.close()
                    return
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX)
        with client, engine, selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            self._connections |= {client, engine}
            engine.connect(self._engine)
            selector.register(client, selectors.EVENT_READ, engine)
            selector.register(engine, selectors.EVENT_READ, client)
            cut_at_answer = False
            while self._open and selector.get_map():
                for key, _ in selector.select():
                    source: Any = key.fileobj
                    data = source.recv(65_536)
                    self._flows.wait()
                    if source is engine and cut_at_answer:
                        self.cut()
                    elif source is client and self._cut_at and self._cut_at[0].match(data):
                        cut_at_answer = self._cut_at[1]
                        if not cut_at_answer:
                            self.cut()
                    if not self._open:
                        return
                    if data:
                        key.data.sendall(data)
                    else:
                        selector.unregister(source)
                        key.data.shutdown(socket.SHUT_WR)


@pytest.fixture
def forwarder(
    docker_client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Forwarder]:
    """A forwarder that DOCKER_HOST names."""
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not engine.startswith("unix://"):
        pytest.skip(f"the engine at {engine} is behind no unix socket")
    forwarder = Forwarder(tmp_path / "engine.sock", engine.removeprefix("unix://"))
    monkeypatch.setenv("DOCKER_HOST", forwarder.address)
    yield forwarder
    forwarder.close()


@pytest.fixture
def server(forwarder: Forwarder) -> Iterator[LocalAWS]:
    with LocalAWS() as server:
        yield server


@pytest.fixture
def aws(server: LocalAWS, docker_client: DockerClient) -> AWS:
    session = local_boto_session(server.url, server.region)
    return AWS(session, docker_client, bucket=f"tests-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def job(aws: AWS, names: Names, probe_image: str) -> Callable[..., str]:
    """Creates a training job on the probe image, and returns its name."""

    def create(probe: str = "", seconds: int = 120) -> str:
        name = names.new("job")
        aws.create_training_job(
            name,
            probe_image,
            StoppingCondition={"MaxRuntimeInSeconds": seconds},
            Environment={"PROBE": probe},
        )
        return name

    return create


@pytest.fixture
def endpoint(aws: AWS, names: Names, probe_image: str) -> Callable[[], str]:
    """Creates an endpoint on the probe image, and returns its name."""

    def create() -> str:
        name = names.new("endpoint")
        aws.create_endpoint(name, container={"Image": probe_image})
        return name

    return create


def lost(forwarder: Forwarder) -> str:
    return (
        f"the Docker engine at {forwarder.address} doesn't answer; start it, or see "
        "`harness doctor`"
    )


def job_failure(aws: AWS, name: str) -> str:
    """Wait for the job's end, which is Failed, and return its reason."""
    aws.wait("training_job_completed_or_stopped", TrainingJobName=name)
    described: Any = aws.sagemaker.describe_training_job(TrainingJobName=name)
    assert described["TrainingJobStatus"] == described["SecondaryStatus"] == "Failed"
    assert "ModelArtifacts" not in described
    return described["FailureReason"]


def endpoint_failure(aws: AWS, name: str) -> str:
    """Wait until the endpoint is Failed, and return its reason."""

    def status() -> str:
        return str(aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])

    aws.wait_until(lambda: status() == "Failed", "the endpoint is Failed")
    return aws.sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]


def close(server: LocalAWS) -> None:
    closing = threading.Thread(target=server.close, daemon=True)
    closing.start()
    closing.join(CLOSE)
    assert not closing.is_alive(), "close() hangs"


@pytest.fixture
def removed_by_clean(
    aws: AWS, docker_client: DockerClient, caplog: pytest.LogCaptureFixture
) -> Callable[..., None]:
    """Sees that a container was left, and that it is gone after `clean`.

    It may be gone before: what another test starts at the same time cleans, too.
    """

    def see(name: str, *, known: bool = True) -> None:
        assert (f"left container {name}-" in caplog.text) is known, "else it shows nothing"

        def is_gone() -> bool:
            sessions.clean(docker_client)
            return not aws.containers(name)

        # A process that starts just now has the session's lock, until it is another program.
        aws.wait_until(is_gone, "the container is gone")

    return see


def test_while_a_job_runs(
    aws: AWS,
    job: Callable[..., str],
    forwarder: Forwarder,
    server: LocalAWS,
    removed_by_clean: Callable[..., None],
) -> None:
    name = job("until-sigterm")
    aws.wait_for_log(GROUP, name, "waiting for SIGTERM")
    forwarder.cut()
    assert job_failure(aws, name) == f"InternalServerError: {lost(forwarder)}."
    close(server)
    removed_by_clean(name)


@pytest.mark.parametrize(
    ("request_", "answered", "left"),
    [
        pytest.param(CREATE, False, False, id="create"),
        pytest.param(CREATE, True, True, id="created"),
        pytest.param(PUT, False, True, id="put"),
        pytest.param(ATTACH, False, True, id="attach"),
        pytest.param(START, False, True, id="start"),
        pytest.param(START, True, True, id="started"),
        pytest.param(WAIT, False, True, id="wait"),
        pytest.param(GET, False, True, id="get"),
        pytest.param(GET, True, True, id="got"),
    ],
)
def test_at_a_call_of_a_job(
    aws: AWS,
    job: Callable[..., str],
    forwarder: Forwarder,
    server: LocalAWS,
    removed_by_clean: Callable[..., None],
    request_: bytes,
    answered: bool,
    left: bool,
) -> None:
    forwarder.cut_at(request_, answered=answered)
    name = job()
    assert job_failure(aws, name) == f"InternalServerError: {lost(forwarder)}."
    close(server)
    if left:
        removed_by_clean(name, known=request_ != CREATE)  # else the answer was never read
    else:
        assert not aws.containers(name)


def test_while_an_endpoint_serves(
    aws: AWS,
    endpoint: Callable[[], str],
    forwarder: Forwarder,
    server: LocalAWS,
    removed_by_clean: Callable[..., None],
) -> None:
    name = endpoint()
    aws.wait("endpoint_in_service", EndpointName=name)
    assert aws.invoke(name, b"echo")["Body"].read() == b"echo"
    forwarder.cut()
    assert endpoint_failure(aws, name) == lost(forwarder)
    with pytest.raises(ClientError, match=f"Endpoint {name} of account 123456789012 not found"):
        aws.invoke(name, b"")

    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.wait("endpoint_deleted", EndpointName=name)
    close(server)
    removed_by_clean(name)


@pytest.mark.parametrize("request_", [PUT, START, WAIT], ids=["put", "start", "wait"])
def test_while_an_endpoint_starts(
    aws: AWS,
    endpoint: Callable[[], str],
    forwarder: Forwarder,
    server: LocalAWS,
    removed_by_clean: Callable[..., None],
    request_: bytes,
) -> None:
    forwarder.cut_at(request_)
    name = endpoint()
    assert endpoint_failure(aws, name) == lost(forwarder)
    close(server)
    removed_by_clean(name)


def test_the_next_start_removes_what_was_left(
    aws: AWS,
    job: Callable[..., str],
    forwarder: Forwarder,
    server: LocalAWS,
    probe_image: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    forwarder.cut_at(START)
    name = job()
    job_failure(aws, name)
    close(server)
    assert f"left container {name}-" in caplog.text

    monkeypatch.undo()  # the real engine again
    following = Containers()
    following.require_image(probe_image)
    following.close()
    assert not aws.containers(name)


def test_an_engine_that_is_back_before_the_end(
    aws: AWS,
    job: Callable[..., str],
    forwarder: Forwarder,
    server: LocalAWS,
) -> None:
    name = job("until-sigterm")
    aws.wait_for_log(GROUP, name, "waiting for SIGTERM")
    forwarder.cut()
    job_failure(aws, name)
    back = Forwarder(forwarder._path, forwarder._engine)
    close(server)
    back.close()
    assert not aws.containers(name)


@pytest.mark.slow
def test_an_engine_that_says_nothing_more(
    aws: AWS,
    job: Callable[..., str],
    forwarder: Forwarder,
    server: LocalAWS,
    removed_by_clean: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not gone, but stuck: only limits of time help."""
    monkeypatch.setattr(engine_errors, "TIMEOUT", 2)
    monkeypatch.setattr(cluster, "STOP_GRACE", 1)
    name = job("until-sigterm", seconds=4)
    aws.wait_for_log(GROUP, name, "waiting for SIGTERM")
    forwarder.freeze()
    assert job_failure(aws, name) == f"InternalServerError: {lost(forwarder)}."
    waiting = [job() for _ in range(3)]
    close(server)
    removed_by_clean(name)
    for each in waiting:
        assert not aws.containers(each)
