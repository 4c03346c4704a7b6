"""Containers by hand: `docker run IMAGE train` and `docker run IMAGE serve`, and nothing else."""

from __future__ import annotations

import http.client
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.local.data.opt_ml import Host, TrainingLayout
from shared.command import load_settings
from shared.gauss3 import CSV, write_channels
from shared.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import DockerClient
    from docker.models.containers import Container

LIMIT = 120  # seconds for anything here


class Address(NamedTuple):
    """Where a container serves."""

    host: str
    port: int

    @classmethod
    def own(cls, running: Container) -> Address:
        """The container's own, past the engine's proxy."""
        running.reload()
        networks = running.attrs["NetworkSettings"]["Networks"].values()
        return cls(next(network["IPAddress"] for network in networks), 8080)

    @property
    def invocations(self) -> str:
        return f"http://{self.host}:{self.port}/invocations"


def lay_out(folder: Path) -> None:
    """Write what SageMaker writes under /opt/ml, as the flow's own training job has it."""
    settings = load_settings()
    host = Host("algo-1", settings.training.instance_type)
    layout = TrainingLayout(
        hyperparameters=settings.hyperparameters,
        channels={"train": {"TrainingInputMode": "File"}, "test": {"TrainingInputMode": "File"}},
        hosts=[host],
        current=host,
    )
    for entry in layout.entries():
        path = folder / entry.name
        if entry.chunks is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(b"".join(map(bytes, entry.chunks)))
    write_channels(folder / "opt/ml/input/data")


def volumes(folder: Path) -> list[str]:
    """The folders of /opt/ml, one by one: the image keeps its code under /opt/ml too."""
    return [f"{folder}/opt/ml/{part}:/opt/ml/{part}" for part in ("input", "model", "output")]


@contextmanager
def container(client: DockerClient, name: str, command: str, **options: Any) -> Iterator[Container]:
    started = client.containers.run(name, command, detach=True, **options)
    try:
        yield started
    finally:
        started.remove(force=True, v=True)


@contextmanager
def serving(
    client: DockerClient, name: str, mounted: list[str]
) -> Iterator[tuple[Container, Address]]:
    """A container that has answered `/ping`, and its published port."""
    ports = {"8080/tcp": ("127.0.0.1", None)}
    with container(client, name, "serve", ports=ports, volumes=mounted) as server:
        port = client.api.port(str(server.id), 8080)[0]["HostPort"]
        address = Address("127.0.0.1", int(port))
        wait_for_ping(address, server)
        yield server, address


def train_by_hand(client: DockerClient, name: str, folder: Path) -> float:
    """Seconds of `docker run IMAGE train` on what was laid out in the folder."""
    start = time.perf_counter()
    with container(client, name, "train", hostname="algo-1", volumes=volumes(folder)) as job:
        status = job.wait(timeout=LIMIT)["StatusCode"]
        if status != 0:
            raise SystemExit(f"train ended with {status}:\n{job.logs().decode()}")
        return time.perf_counter() - start


@contextmanager
def trained(client: DockerClient, name: str) -> Iterator[Path]:
    """A folder that was laid out, with what a container has trained on it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lay_out(folder)
        train_by_hand(client, name, folder)
        yield folder


def serve_by_hand(client: DockerClient, name: str, folder: Path) -> float:
    """Seconds of `docker run IMAGE serve` with the folder's model: a ping, a request, the stop."""
    start = time.perf_counter()
    with serving(client, name, volumes(folder)[1:2]) as (server, address):
        invoke(address, b"100", {"Content-Type": CSV}, server)
        server.stop(timeout=30)
        return time.perf_counter() - start


def invoke(address: Address, body: bytes, headers: Mapping[str, str], server: Container) -> bytes:
    """The answer to a request, over a connection of its own."""
    status, answer = _ask(address, "POST", "/invocations", body, headers)
    if status != http.client.OK:
        raise SystemExit(f"status {status}: {answer[:500]!r}\n{server.logs().decode()}")
    return answer


def wait_for_ping(address: Address, server: Container) -> None:
    def answers() -> bool:
        try:
            return _ask(address, "GET", "/ping")[0] == http.client.OK
        except OSError:  # the port is open before anything listens behind it
            return False

    def late() -> str:
        return f"no answer to /ping within {LIMIT} s:\n{server.logs().decode()}"

    wait_until(answers, late, limit=LIMIT, poll=0.01)


def _ask(
    address: Address,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=LIMIT)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
