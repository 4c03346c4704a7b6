"""Clients that are slow, hostile or wrong about HTTP, at a real server; no Docker."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving.connection import MAX_BODY, MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTAINER = Path(__file__).parents[3] / "container"
LIMIT = 20.0  # seconds that anything may take
CONNECTIONS = 48
PING = b"GET /ping HTTP/1.1\r\nHost: model\r\nConnection: close\r\n\r\n"
HEAD = b"POST /invocations HTTP/1.1\r\nHost: model\r\nContent-Type: text/plain\r\n"

# A server with smaller bounds, so that they are met within a test.
PROGRAM = """
import sys
from serving import loop, server
loop.READING, loop.SENDING, loop.LINGERING, loop.CONNECTIONS = 1.5, 1.5, 0.5, {connections}
sys.exit(server.main())
"""
HOOKS = """
import os, sys, time
def model_fn(model_dir):
    return 'model'
def transform_fn(model, data, content_type, accept):
    if data == b'exit':
        sys.exit(3)
    if data == b'os-exit':
        os._exit(3)
    if data == b'memory':
        return b' ' * (1 << 60)
    if data == b'binary':
        sys.stdout.buffer.write(bytes(range(256)))
        return b'printed'
    if data == b'header':
        return b'', 'text/plain\\r\\nX-Injected: yes'
    if data.startswith(b'sleep'):
        time.sleep(float(data[5:]))
    if data.startswith(b'large'):
        return b'x' * int(data[5:])
    if data == b'fork':
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, b'x')
            time.sleep(60)
        os.read(reader, 1)
        os.kill(pid, 15)
        return str(os.waitpid(pid, 0)[1])
    return data
"""


class Server:
    """A running server of one worker."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)

    def say(self, *parts: bytes) -> bytes:
        """Everything that is answered to these bytes until the connection is closed."""
        with self.connect() as client:
            for part in parts:
                with contextlib.suppress(ConnectionError):
                    client.sendall(part)
            return until_closed(client)

    def invoke(self, body: bytes) -> bytes:
        return self.say(HEAD + b"Connection: close\r\n" + length(body) + b"\r\n" + body)

    def ping(self) -> float:
        """Seconds that /ping took."""
        start = time.monotonic()
        answer = self.say(PING)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        return time.monotonic() - start

    def listens(self) -> bool:
        assert self.process.poll() is None
        with contextlib.suppress(ConnectionError):
            return self.say(PING).startswith(b"HTTP/1.1 200 OK\r\n")
        return False

    def worker(self) -> int:
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.worker()}/task").iterdir()))


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def until_closed(client: socket.socket) -> bytes:
    """What comes; a reset ends it too."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(1 << 16):
            received += data
    return received


def wait_for(condition: Callable[[], object], seconds: float = LIMIT) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("ml")
    (root / "model").mkdir()
    (root / "code").mkdir()
    (root / "code/model_logic.py").write_text(HOOKS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(connections=CONNECTIONS)],
        env={
            **os.environ,
            "PYTHONPATH": str(CONTAINER),
            "SAGEMAKER_BASE_DIR": str(root),
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "30",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(process, port)

    try:
        wait_for(server.listens)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(LIMIT) == 0
        finally:
            process.kill()


# Requests that could be read in two ways, or in none


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length: 3, 3\r\n\r\nabc",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Content-Length: -3\r\n\r\nabc",
        b"Content-Length: +3\r\n\r\nabc",
        b"Content-Length: 0x3\r\n\r\nabc",
        b"Content-Length: \xb2\r\n\r\nabc",
        b"Content-Length: 3 3\r\n\r\nabc",
        b"Content-Length: 99999999999999999999999999\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nbad trailer\r\n\r\n",
        b"X-Bare: a\rb\r\nContent-Length: 3\r\n\r\nabc",
        b"X-Bare: a\nContent-Length: 3\r\n\r\nabc",
        b"X-Null: a\0b\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length : 3\r\n\r\nabc",
        b" folded: 1\r\nContent-Length: 3\r\n\r\nabc",
        b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_what_is_no_clear_request_is_400(server: Server, rest: bytes) -> None:
    answer = server.say(HEAD + rest)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    server.ping()


@pytest.mark.parametrize("first", [b"", b"3\r\nabc\r\n"])
def test_what_came_of_a_broken_body_is_never_answered(server: Server, first: bytes) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + first
    with server.connect() as client:
        client.sendall(head)
        time.sleep(0.05)  # so that it is read by itself
        client.sendall(b"5\r\nab")
        client.shutdown(socket.SHUT_WR)
        answer = until_closed(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"The request ended after" in answer


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /ping HTTP/2.0\r\n\r\n", b"505"),
        (b"GET /ping HTTP/3.7\r\n\r\n", b"400"),
        (b"GET /ping\r\n\r\n", b"505"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 3 * MAX_HEAD, b"431"),
        (b"GET /ping HTTP/1.1\r\nX: " + b"a" * 3 * MAX_HEAD, b"431"),
        (b"GET /ping HTTP/1.1\r\n" + b"X: a\r\n" * MAX_HEAD, b"431"),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), b"413"),
        (b"CONNECT model:443 HTTP/1.1\r\n\r\n", b"404"),
        (b"GET http://model/ping HTTP/1.1\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET /%70ing?a=b HTTP/1.1\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET /ping HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /ping HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", b"200"),
    ],
)
def test_other_requests(server: Server, request_line: bytes, status: bytes) -> None:
    answer = server.say(request_line)
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
    server.ping()


def test_head_has_no_body(server: Server) -> None:
    head, _, body = server.say(b"HEAD /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n").partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 404 ")
    assert body == b""


def test_extensions_and_trailers_have_bounds_too(server: Server) -> None:
    start = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for endless in (b"1;" + b"a" * 3 * MAX_HEAD, b"1\r\nx\r\n0\r\n" + b"X: a\r\n" * MAX_HEAD):
        assert server.say(start + endless).startswith(b"HTTP/1.1 431 ")


def test_chunks_pipelines_and_pieces_are_answered(server: Server) -> None:
    chunked = (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
    )
    closing = HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\nz"
    together = server.say(chunked + chunked + closing)
    assert together.count(b"HTTP/1.1 200 OK") == 3
    assert together.count(b"\r\n\r\nabcde") == 2
    with server.connect() as client:
        for number in range(len(chunked + closing)):
            client.sendall((chunked + closing)[number : number + 1])
        assert until_closed(client).endswith(b"\r\n\r\nz")


def test_a_client_may_wait_to_be_asked_for_its_body(server: Server) -> None:
    with server.connect() as client:
        expect = b"Expect: 100-continue\r\nConnection: close\r\n"
        client.sendall(HEAD + expect + b"Content-Length: 3\r\n\r\n")
        assert client.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert until_closed(client).endswith(b"\r\n\r\nabc")
        assert b"413" in server.say(HEAD + expect + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1))


def test_who_still_sends_reads_why_it_was_refused(server: Server) -> None:
    body = b"x" * (8 << 20)
    answer = server.say(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), body)
    assert answer.startswith(b"HTTP/1.1 413 ")


# Slow clients


def test_bodies_that_trickle_stop_nobody_and_end(server: Server) -> None:
    before = server.threads()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(CONNECTIONS - 8)]
        for client in slow:
            client.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        start = time.monotonic()
        while time.monotonic() - start < 0.5:
            for client in slow:
                client.sendall(b"x")
            assert server.ping() < 5
            assert server.invoke(b"quick").endswith(b"\r\n\r\nquick")
        assert server.threads() <= before
        for client in slow:
            with contextlib.suppress(ConnectionError):
                client.sendall(b"x")
            assert until_closed(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert time.monotonic() - start < 10


def test_of_too_many_connections_the_oldest_are_closed(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(3 * CONNECTIONS)]
        assert server.ping() < 5
        assert until_closed(silent[0]) == b""
        silent[-1].sendall(b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert until_closed(silent[-1]).startswith(b"HTTP/1.1 200 ")


def test_those_that_dont_read_stop_nobody(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        deaf = [stack.enter_context(server.connect()) for _ in range(12)]
        body = b"large%d" % (8 << 20)
        for client in deaf:
            client.sendall(HEAD + length(body) + b"\r\n" + body)
        assert server.ping() < 5
        assert server.invoke(b"quick").endswith(b"quick")
    assert len(server.invoke(body)) > 8 << 20


def test_requests_that_take_long_dont_stop_ping(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(20)]
        for client in slow:
            client.sendall(HEAD + b"Connection: close\r\nContent-Length: 8\r\n\r\nsleep0.5")
        for _ in range(10):
            assert server.ping() < 2  # which is SageMaker's limit
        for client in slow:
            assert until_closed(client).endswith(b"\r\n\r\nsleep0.5")


# What hooks may do


@pytest.mark.parametrize("body", [b"exit", b"memory", b"header"])
def test_a_hook_that_gives_up_is_500_and_the_worker_lives(server: Server, body: bytes) -> None:
    worker = server.worker()
    answer = server.invoke(body)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert answer.endswith(
        b"The model could not answer this request; the container's log says why."
    )
    assert b"X-Injected" not in answer
    assert server.worker() == worker


def test_a_hook_may_print_what_is_no_text(server: Server) -> None:
    assert server.invoke(b"binary").endswith(b"printed")


def test_processes_that_hooks_fork_can_be_ended(server: Server) -> None:
    assert server.invoke(b"fork").endswith(b"\r\n\r\n15")  # by the signal


def test_a_hook_that_ends_the_process_ends_one_worker(server: Server) -> None:
    worker = server.worker()
    assert server.invoke(b"os-exit") == b""
    wait_for(server.listens)  # a worker that has just ended may be asked once more
    assert server.worker() != worker
