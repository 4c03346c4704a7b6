"""The image serving, to clients that are slow or hostile; one container for all."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import tarfile
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from harness.local.engine.containers import Containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.image.build import BuiltImage
    from harness.local.engine.container import Container

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

LIMIT = 60.0  # seconds that anything may take
MEMORY = 512 << 20  # bytes that the container may take
WORKERS = 1

HOOKS = """
class Model:
    n_features_in_ = 1
    def predict(self, rows):
        return rows[:, 0]
def model_fn(model_dir):
    return Model()
"""


@pytest.fixture(scope="module")
def serving(gam_image: BuiltImage) -> Iterator[Container]:
    containers = Containers()
    try:
        containers.require_image(gam_image.id)
        container = containers.create(
            gam_image.id,
            name=f"serving-{uuid.uuid4().hex[:8]}",
            hostname="model.aws.local",
            command=["serve"],
            environment={"SAGEMAKER_MODEL_SERVER_WORKERS": str(WORKERS)},
            port=8080,
            memory=MEMORY,
        )
        container.put("/opt/ml/model", [hooks()])
        container.start(lambda _line: None)
        deadline = time.monotonic() + LIMIT
        while not answers(container):
            assert not container.exited.is_set()
            assert time.monotonic() < deadline
            container.exited.wait(0.1)
        yield container
        assert not container.exited.is_set()
        assert not container.out_of_memory
    finally:
        containers.close()


def hooks() -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo("code/model_logic.py")
        entry.size = len(HOOKS)
        archive.addfile(entry, io.BytesIO(HOOKS.encode()))
    return tar.getvalue()


def answers(container: Container) -> bool:
    with contextlib.suppress(OSError, AssertionError):
        return ping(container) < LIMIT
    return False


def connect(container: Container) -> socket.socket:
    return socket.create_connection(container.address, timeout=LIMIT)


def say(container: Container, request: bytes) -> bytes:
    """All that is answered until the connection is closed."""
    received = b""
    with connect(container) as client:
        client.sendall(request)
        while data := client.recv(1 << 16):
            received += data
    return received


def ping(container: Container) -> float:
    """Seconds that /ping took."""
    start = time.monotonic()
    answer = say(container, b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    return time.monotonic() - start


def head(content_type: str, length: int) -> bytes:
    return (
        f"POST /invocations HTTP/1.1\r\nConnection: close\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def invoke(container: Container, body: bytes, content_type: str) -> bytes:
    return say(container, head(content_type, len(body)) + body)


@pytest.mark.slow
def test_bodies_that_trickle_leave_ping_and_others_alone(serving: Container) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(serving)) for _ in range(200)]
        for client in slow:
            client.sendall(head("text/csv", 1000) + b"1")
        for _ in range(3):
            for client in slow:
                client.sendall(b"1")
            assert ping(serving) < 2
            assert invoke(serving, b"[2.5]", "application/json").endswith(b"[2.5]")


@pytest.mark.slow  # the engine's proxy takes its time for each
def test_idle_connections_leave_room_for_more(serving: Container) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(1200 * WORKERS):
            stack.enter_context(connect(serving))
        assert ping(serving) < 2
        assert invoke(serving, b"2.5\n", "text/csv").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-npy"])
def test_bodies_that_cost_much_are_refused_at_once(serving: Container, content_type: str) -> None:
    body = json.dumps(["a" * (1 << 20), *[1] * 1000]).encode()
    if content_type == "application/x-npy":
        header = b"{" * 10_000
        body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    start = time.monotonic()
    assert invoke(serving, body, content_type).startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - start < 2
    assert ping(serving) < 2


@pytest.mark.parametrize(
    "request_text",
    [
        b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n1.0",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n1.0\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n1.0\r\nxyz\r\n",
        b"X: a\rb\r\nContent-Length: 3\r\n\r\n1.0",
    ],
)
def test_what_is_no_clear_request_is_400(serving: Container, request_text: bytes) -> None:
    start = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\n"
    assert say(serving, start + request_text).startswith(b"HTTP/1.1 400 ")
