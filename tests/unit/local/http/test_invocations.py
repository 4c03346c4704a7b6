"""Invocations: what a container is asked, and what becomes of what it answers.

The container is a few lines here, so that it can break HTTP's rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import re
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

from harness.local.aws import LocalAWS
from harness.local.core.store import Store
from harness.local.faults.faults import Faults
from harness.local.hosting import runtime
from harness.local.hosting.containers.serving import Instance
from harness.local.hosting.containers.upstream import Pool
from harness.local.hosting.endpoint import Endpoint
from harness.local.hosting.runtime import Runtime
from harness.local.hosting.variant import Deployment, Variant
from harness.local.protocol.messages import RequestContext

LIMIT = 6_291_456
WAIT = 10

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
)
ANSWERS = {
    "plain": PLAIN,
    "chunked": CHUNKED,
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "to-the-end": b"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nhello",
    "close": PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    "without-a-reason": PLAIN.replace(b"200 OK", b"200"),
    "bare-lines": PLAIN.replace(b"\r\n", b"\n"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "attributes": PLAIN.replace(
        b"\r\n\r\n", b"\r\nX-Amzn-SageMaker-Custom-Attributes: caf\xe9=1\r\n\r\n"
    ),
    "folded": PLAIN.replace(
        b"\r\n\r\n", b"\r\nX-Amzn-SageMaker-Custom-Attributes: a\r\n b: c\r\n\r\n"
    ),
    "twice": PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n"),
    "more-than-announced": PLAIN + b"HTTP/1.1 200 OK\r\n",
    "error": b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nits words",
    "refusal": b"HTTP/1.1 415 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    "hang-up": b"",
    "garbage": b"nonsense\r\n\r\n",
    "half-a-head": b"HTTP/1.1 200 OK\r\nContent-",
    "break-off": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
    "break-off-in-a-chunk": CHUNKED[:-12],
    "two-lengths": PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n"),
    "no-length": PLAIN.replace(b": 5", b": five"),
    "bad-chunk": CHUNKED[:-12] + b"zz\r\n",
    "length-and-chunks": CHUNKED.replace(b"Transfer", b"Content-Length: 5\r\nTransfer"),
    "no-status": PLAIN.replace(b"200 OK", b"000 X"),
    "status-too-low": PLAIN.replace(b"200 OK", b"099 X"),
    "nul": PLAIN.replace(b"text/csv", b"text/\0csv"),
    "much-head": PLAIN.replace(b"\r\n\r\n", b"\r\nX-A: %s\r\n\r\n" % (b"x" * 70_000)),
    "upgrade": b"HTTP/1.1 101 No\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "new-session": PLAIN.replace(
        b"\r\n\r\n",
        b"\r\nX-Amzn-SageMaker-New-Session-Id: s-1; Expires=2999-01-01T00:00:00Z\r\n\r\n",
    ),
    "closed-session": PLAIN.replace(
        b"\r\n\r\n", b"\r\nX-Amzn-SageMaker-Closed-Session-Id: s-1\r\n\r\n"
    ),
    "large": b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
    "too-large": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1),
    "too-large-in-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % LIMIT
    + bytes(LIMIT)
    + b"\r\n1\r\nx\r\n0\r\n\r\n",
}
ENDS = {"to-the-end", "hang-up", "garbage", "half-a-head", "break-off", "break-off-in-a-chunk"} | {
    "no-length",
    "too-large",
}
BROKEN = "closed the connection"
MALFORMED = "not valid HTTP"
TOO_LARGE = "larger than 6291456 bytes"
WORDS = {
    "bare-lines": MALFORMED,
    "folded": MALFORMED,
    "error": "its words",
    "refusal": "no",
    "redirect": "",
    "hang-up": BROKEN,
    "garbage": MALFORMED,
    "half-a-head": BROKEN,
    "break-off": BROKEN,
    "break-off-in-a-chunk": BROKEN,
    "bad-chunk": MALFORMED,
    "two-lengths": MALFORMED,
    "length-and-chunks": MALFORMED,
    "no-length": MALFORMED,
    "no-status": MALFORMED,
    "status-too-low": MALFORMED,
    "nul": MALFORMED,
    "much-head": MALFORMED,
    "upgrade": MALFORMED,
    "too-large": TOO_LARGE,
    "too-large-in-chunks": TOO_LARGE,
}
"""What a `ModelError` says of those that are none."""
BODIES = {"empty": b"", "no-content": b"", "large": b"x" * 300_000}
"""Of those that are answers, where it isn't "hello"."""
CUT = {"break-off": BROKEN, "break-off-in-a-chunk": BROKEN, "bad-chunk": MALFORMED}
"""Of which a part is passed on, in a response stream."""
LARGE_STREAMS = {"too-large", "too-large-in-chunks"}


class StandIn:
    """Answers as the request's Content-Type says; keeps what it was sent."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.seen = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self.proceed = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.server.accept()[0]
                self.connections += 1
                threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as file:
            while self.answer(connection, file):
                pass
        self.closed.release()

    def answer(self, connection, file):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                return False
            head += line
        announced = re.search(rb"Content-Length: (\d+)", head)
        assert announced is not None
        length = int(announced[1])
        kind = (re.search(rb"Content-Type: probe/(\S+)", head) or [b"", b"plain"])[1].decode()
        if kind == "refuses-to-read":
            connection.sendall(ANSWERS["refusal"])
            return False
        self.seen.append((head, file.read(length)))
        if kind == "several-megabytes":
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n" + bytes(6_000_000)
            )
            return True
        if kind == "gated":
            connection.sendall(ANSWERS["large"][:100_000])
            assert self.proceed.wait(WAIT)
            connection.sendall(ANSWERS["large"][100_000:])
            return True
        if kind == "large-break-off":
            connection.sendall(ANSWERS["large"][:200_000])
            return False
        if kind == "slow":
            self.proceed.wait(WAIT)
        connection.sendall(ANSWERS.get(kind, PLAIN))
        return kind not in ENDS and kind != "silent-close"

    def close(self):
        self.server.close()


@pytest.fixture(scope="module")
def container():
    with contextlib.closing(StandIn()) as container:
        yield container


@pytest.fixture(autouse=True)
def nothing_seen(container):
    container.seen.clear()


def make_instance(container):
    stand_in: Any = SimpleNamespace(
        address=container.server.getsockname(),
        has_address=lambda: True,
        when_exited=lambda _: None,
        exited=threading.Event(),
        name="stand-in",
        remove=lambda: None,
    )
    return Instance(stand_in)


@pytest.fixture(scope="module")
def instance(container):
    return make_instance(container)


def make_provider(instance):
    context = RequestContext("sagemaker", "CreateEndpoint", "us-east-1", "123456789012", "r")
    model: Any = SimpleNamespace(container={})
    variant = Variant({"VariantName": "v"}, model)
    variant.instances = [instance]
    backend: Any = SimpleNamespace(store=Store(), faults=Faults())
    endpoint = Endpoint(backend, context, "e", Deployment("c", [variant]))
    endpoint.variants, endpoint.status = [variant], "InService"
    backend.store.table("endpoint").add(endpoint)
    return Runtime(backend)


@pytest.fixture(scope="module")
def aws(instance):
    with LocalAWS(providers={"sagemaker-runtime": [make_provider(instance)]}) as server:
        yield server


def request(body=b"body", *headers, path="/endpoints/e/invocations", length=None):
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if length is not False:
        head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*head, "\r\n"]).encode("latin-1") + body


def connect(server):
    return socket.create_connection((server.host, server.port), timeout=WAIT)


def receive(connection):
    """One answer, as it came, but for its id and its date."""
    file = connection.makefile("rb", buffering=0)
    head, body = b"", bytearray()
    while not head.endswith(b"\r\n\r\n") and (byte := file.read(1)):
        head += byte
    if b"chunked" in head:
        while not body.endswith(b"\r\n0\r\n\r\n") and body != b"0\r\n\r\n":
            if not (piece := file.read(65_536)):
                break
            body += piece
    elif length := re.search(rb"(?i)content-length: (\d+)", head):
        while len(body) < int(length[1]) and (piece := file.read(int(length[1]) - len(body))):
            body += piece
    head = re.sub(rb"x-amzn-RequestId: [0-9a-f-]{36}", b"x-amzn-RequestId: id", head)
    return re.sub(rb"Date: [^\r]+ GMT", b"Date: now", head), bytes(body)


def events(body):
    """A response stream's payload, however it was cut, and the exception at its end."""
    stream: Any = EventStreamBuffer()
    while body:
        size, _, rest = body.partition(b"\r\n")
        stream.add_data(rest[: int(size, 16)])
        body = rest[int(size, 16) + 2 :]
    messages = [(each.headers[":message-type"], each.payload) for each in stream]
    parts = [payload for kind, payload in messages if kind == "event"]
    return b"".join(parts), [payload for kind, payload in messages if kind != "event"]


def ask(server, *requests):
    with connect(server) as connection:
        answers = []
        for each in requests:
            connection.sendall(each)
            answers.append(receive(connection))
    return answers


def idle(instance):
    return instance.wait_idle(WAIT)


def message(body):
    """What an error says, and the status that it says the container's was."""
    told = json.loads(body)
    return told.get("OriginalMessage", told.get("Message", told.get("message"))), told.get(
        "OriginalStatusCode"
    )


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_a_container_answers(aws, container, instance, kind):
    asked = request(b"body", f"Content-Type: probe/{kind}")
    for head, body in ask(aws, asked, asked):
        if kind in WORDS:
            assert head.startswith(b"HTTP/1.1 424 Failed Dependency\r\n")
            words, status = message(body)
            assert WORDS[kind] in words
            assert status == {"error": 500, "refusal": 415, "redirect": 302}.get(kind, 0)
        else:
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == BODIES.get(kind, b"hello")
            assert b"x-Amzn-Invoked-Production-Variant: v\r\n" in head
            assert b"Content-Length: %d\r\n" % len(body) in head
    assert [body for _, body in container.seen] == [b"body", b"body"]
    assert idle(instance)


@pytest.mark.parametrize("kind", sorted(ANSWERS.keys() - LARGE_STREAMS))
def test_what_a_container_answers_in_a_stream(aws, container, instance, kind):
    path = "/endpoints/e/invocations-response-stream"
    asked = request(b"body", f"Content-Type: probe/{kind}", path=path)
    for head, body in ask(aws, asked, asked):
        if kind in WORDS and kind not in CUT:
            assert head.startswith(b"HTTP/1.1 424 Failed Dependency\r\n")
            assert WORDS[kind] in message(body)[0]
            continue
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        whole, errors = events(body)
        if kind in CUT:
            assert b"hello".startswith(whole)
            assert CUT[kind].encode() in errors[0]
        else:
            assert (whole, errors) == (BODIES.get(kind, b"hello"), [])
    assert idle(instance)


def test_headers_of_an_answer(aws):
    (head, _), (plain, _), (twice, _) = ask(
        aws,
        *(request(b"", f"Content-Type: probe/{kind}") for kind in ("attributes", "plain", "twice")),
    )
    assert b"X-Amzn-SageMaker-Custom-Attributes: caf\xe9=1\r\n" in head
    assert b"Custom-Attributes" not in plain
    assert b"Content-Type: text/csv\r\n" in plain
    assert b"Content-Type: text/csv, text/plain\r\n" in twice


SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=A/20260102/{}/aws4_request, Signature=0"
REQUESTS = {
    "headers": request(
        b"1,2",
        "Accept: text/csv",
        "X-Amzn-SageMaker-Custom-Attributes: trace=1",
        "X-Amzn-SageMaker-Inference-Id: i",
        "X-Amzn-SageMaker-Session-Id: NEW_SESSION",
        "X-Amzn-SageMaker-Target-Variant: v",
        SIGNED.format("us-east-1/sagemaker"),
        "User-Agent: Boto3/1",
    ),
    "empty": request(b""),
    "large": request(b"y" * 1_000_000),
    "largest": request(b"y" * LIMIT),
    "larger": request(b"y" * (LIMIT + 1)),
    "escaped": request(path="/endpoints/%65/invocations"),
    "no-such-endpoint": request(path="/endpoints/other/invocations"),
    "bad-name": request(path="/endpoints/a_b/invocations"),
    "no-such-variant": request(b"body", "X-Amzn-SageMaker-Target-Variant: other"),
    "bad-variant": request(b"y" * 100_000, "X-Amzn-SageMaker-Target-Variant: a_b"),
    "another-region": request(b"body", SIGNED.format("eu-west-1/sagemaker")),
    "chunked": request(b"4\r\nbody\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False),
    "no-length": request(b"", length=False),
    "close": request(b"body", "Connection: close"),
    "query": request(path="/endpoints/e/invocations?a=b"),
    "old": request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "twice": request(b"body", "Accept: a", "Accept: b"),
    "web-page": request(b"body", "Origin: http://evil.example"),
    "rebound": request().replace(b"Host: 127.0.0.1", b"Host: evil.example"),
    "much-larger": request(b"y" * (LIMIT + 5000)),
    "not-allowed": request(b"body", SIGNED.format("us-east-1/nothing")).replace(b"POST", b"PUT"),
    "multi-model": request(b"body", "X-Amzn-SageMaker-Target-Model: m.tar.gz"),
    "multi-container": request(b"body", "X-Amzn-SageMaker-Target-Container-Hostname: h"),
    "component": request(b"body", "X-Amzn-SageMaker-Inference-Component: c"),
    "component-streamed": request(
        b"body",
        "X-Amzn-SageMaker-Inference-Component: c",
        path="/endpoints/e/invocations-response-stream",
    ),
    "explained": request(b"body", "X-Amzn-SageMaker-Enable-Explanations: `true`"),
    "by-prefix": request(b"body", "X-Amzn-SageMaker-Prefix-Aware-Id: p"),
    "no-such-session": request(b"body", "X-Amzn-SageMaker-Session-Id: s"),
    "new-session-streamed": request(
        b"body",
        "X-Amzn-SageMaker-Session-Id: NEW_SESSION",
        path="/endpoints/e/invocations-response-stream",
    ),
}
SENT = {
    "headers": b"1,2",
    "empty": b"",
    "no-length": b"",
    "large": b"y" * 1_000_000,
    "largest": b"y" * LIMIT,
}


ASKED = {
    "no-such-endpoint": (400, "Endpoint other of account 123456789012 not found"),
    "bad-name": (400, "failed to satisfy constraint"),
    "no-such-variant": (400, "Variant other not found"),
    "bad-variant": (400, "failed to satisfy constraint"),
    "larger": (400, "less than or equal to 6291456"),
    "much-larger": (413, None),
    "web-page": (403, "answers no web page"),
    "rebound": (403, "doesn't answer to the name"),
    "not-allowed": (501, None),
    "another-region": (400, "not found"),
    "multi-model": (400, "Endpoint e is not a multi-model endpoint and does not support target"),
    "multi-container": (400, "Endpoint e is not configured for direct invocation"),
    "component": (400, "Inference Component Name header is not allowed for endpoints to which you"),
    "component-streamed": (400, "Inference Component Name header is not allowed"),
    "explained": (400, "Endpoint e has no explainer"),
    "by-prefix": (400, "Endpoint e does not route requests by their prefixes"),
    "no-such-session": (400, "Session s not found for Endpoint e"),
    "new-session-streamed": (400, "failed to satisfy constraint"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_asked(aws, container, name, caplog):
    answers = [ask(aws, REQUESTS[name])[0] for _ in range(2)]  # the second time from memory
    for head, body in answers:
        status, words = ASKED.get(name, (200, None))
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert status != 200 or body == b"hello"
        assert words is None or words in message(body)[0]
    if name in ASKED:
        assert not container.seen
    else:
        assert [body for _, body in container.seen] == [SENT.get(name, b"body")] * 2


def test_what_the_container_is_told(aws, container):
    ask(aws, REQUESTS["headers"])
    ((head, body),) = container.seen
    assert body == b"1,2"
    assert head == (
        b"POST /invocations HTTP/1.1\r\n"
        b"Host: 127.0.0.1:%d\r\n"
        b"Accept-Encoding: identity\r\n"
        b"User-Agent: AHC/2.0\r\n"
        b"Accept: text/csv\r\n"
        b"X-Amzn-SageMaker-Custom-Attributes: trace=1\r\n"
        b"X-Amzn-SageMaker-Inference-Id: i\r\n"
        b"X-Amzn-SageMaker-Session-Id: NEW_SESSION\r\n"
        b"Content-Length: 3\r\n\r\n" % container.server.getsockname()[1]
    )


def test_requests_in_one_go_are_answered_in_turn(aws):
    with connect(aws) as connection:
        connection.sendall(request() + request(path="/endpoints/no/invocations") + request())
        heads = [receive(connection)[0].splitlines()[0] for _ in range(3)]
    assert heads == [b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 200 OK"]


def test_others_on_the_same_connection_are_answered_too(aws):
    health = b"GET /_harness/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answers = ask(aws, request(), health, request(), REQUESTS["chunked"], request())
    assert [head.splitlines()[0] for head, _ in answers] == 5 * [b"HTTP/1.1 200 OK"]


def test_a_head_and_a_body_that_come_in_pieces(aws, container):
    whole = request(b"body")
    with connect(aws) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (whole[:10], whole[10:-3], whole[-3:]):
            connection.sendall(piece)
        assert receive(connection)[1] == b"hello"
    assert container.seen[0][1] == b"body"


def test_a_client_that_goes_in_the_middle_of_a_small_body_asks_nothing(aws, container, instance):
    with connect(aws) as connection:
        connection.sendall(request(b"bo", length=4))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert not container.seen
    assert idle(instance)


def test_a_client_that_is_slow_to_send_holds_no_container(aws, container, instance):
    whole = request(b"y" * 5_000_000)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(aws)) for _ in range(10)]
        for each in slow:
            each.sendall(whole[:-1])
        assert ask(aws, request())[0][1] == b"hello"
        assert len(container.seen) == 1
        assert instance.requests == 0
        for each in slow:
            each.sendall(b"y")
        assert [receive(each)[1] for each in slow] == [b"hello"] * 10
    assert idle(instance)


def test_a_client_that_is_slow_to_read_holds_no_container(aws, container, instance):
    with connect(aws) as connection:
        connection.sendall(request(b"body", "Content-Type: probe/several-megabytes"))
        assert connection.recv(10)
        assert idle(instance)


def test_a_stream_is_passed_on_as_it_comes(aws, container, instance):
    container.proceed.clear()
    path = "/endpoints/e/invocations-response-stream"
    with connect(aws) as connection:
        connection.sendall(request(b"body", "Content-Type: probe/gated", path=path))
        got = b""
        while len(got) < 50_000:
            got += connection.recv(50_000)
        container.proceed.set()
        while not got.endswith(b"\r\n0\r\n\r\n"):
            got += connection.recv(1 << 20)
    assert events(got.partition(b"\r\n\r\n")[2]) == (b"x" * 300_000, [])
    assert idle(instance)


def test_a_client_that_goes_in_the_middle_of_an_answer(aws, container, instance):
    container.proceed.clear()
    with connect(aws) as connection:
        path = "/endpoints/e/invocations-response-stream"
        connection.sendall(request(b"body", "Content-Type: probe/gated", path=path))
        assert connection.recv(10)
    container.proceed.set()
    assert idle(instance)
    assert ask(aws, request())[0][1] == b"hello"


def test_a_long_answer_that_breaks_off_is_an_error(aws, instance):
    ((head, body),) = ask(aws, request(b"body", "Content-Type: probe/large-break-off"))
    assert head.startswith(b"HTTP/1.1 424 ")
    assert BROKEN in message(body)[0]
    assert idle(instance)


def test_a_container_that_refuses_to_read_has_its_words_passed_on(aws, instance):
    asked = request(b"y" * 5_000_000, "Content-Type: probe/refuses-to-read")
    ((head, body), _) = ask(aws, asked, request())
    assert head.startswith(b"HTTP/1.1 424 ")
    assert message(body)[1] in (415, 0)
    assert idle(instance)


def test_a_container_that_is_debugged_may_take_longer(aws, container, instance, monkeypatch):
    monkeypatch.setattr("harness.local.hosting.runtime.INVOCATION_TIMEOUT", 0)
    monkeypatch.setattr(instance, "is_debugged", True)
    ((head, _),) = ask(aws, request(b"body"))
    assert head.startswith(b"HTTP/1.1 200 ")


def test_a_container_that_takes_too_long(aws, container, instance, monkeypatch):
    monkeypatch.setattr("harness.local.hosting.runtime.INVOCATION_TIMEOUT", 0.2)
    container.proceed.clear()
    ((head, body),) = ask(aws, request(b"body", "Content-Type: probe/slow"))
    container.proceed.set()
    assert head.startswith(b"HTTP/1.1 424 ")
    assert b"Your invocation timed out while waiting" in body
    assert idle(instance)


def test_connections_to_the_container_are_kept_until_it_closes_them(aws, container, instance):
    ask(aws, request(), request())
    before, kept = container.connections, len(instance.connections._idle)
    for _ in range(3):
        ask(aws, request(), request())
    assert container.connections == before
    for _ in range(kept + 2):  # it closes each after its answer, without saying so
        while container.closed.acquire(blocking=False):
            pass
        ((_, body),) = ask(aws, request(b"body", "Content-Type: probe/silent-close"))
        assert body == b"hello"
        assert container.closed.acquire(timeout=WAIT)
    assert container.connections == before + 2


def test_boto3(aws):
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name="us-east-1")
    runtime = session.client("sagemaker-runtime", endpoint_url=aws.url)
    bodies: list[Any] = [b"body", b"y" * 1_000_000, io.BytesIO(b"body"), "text", bytearray(b"body")]
    for body in bodies:
        answer = runtime.invoke_endpoint(EndpointName="e", Body=body, ContentType="text/csv")
        assert answer["Body"].read() == b"hello"
        assert answer["InvokedProductionVariant"] == "v"
    stream = runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"body")["Body"]
    assert b"".join(event["PayloadPart"]["Bytes"] for event in stream) == b"hello"
    with pytest.raises(ClientError, match="Endpoint other of account 123456789012 not found"):
        runtime.invoke_endpoint(EndpointName="other", Body=b"")


@pytest.mark.parametrize(
    ("kind", "error_code", "words"),
    [
        ("break-off", "StreamBroken", "closed the connection"),
        ("bad-chunk", "StreamBroken", "not valid HTTP"),
        ("gated", "ModelInvocationTimeExceeded", "invocation timed out"),
    ],
)
def test_a_stream_that_breaks_off_in_boto3(aws, container, monkeypatch, kind, error_code, words):
    if kind == "gated":
        monkeypatch.setattr("harness.local.hosting.runtime.INVOCATION_TIMEOUT", 0.2)
        container.proceed.clear()
    asked = request(path="/endpoints/e/invocations-response-stream")
    asked = asked.replace(b"\r\n\r\n", b"\r\nContent-Type: probe/%s\r\n\r\n" % kind.encode(), 1)
    ((_, body),) = ask(aws, asked)
    (error,) = events(body)[1]
    assert json.loads(error)["ErrorCode"] == error_code
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name="us-east-1")
    stream = session.client(
        "sagemaker-runtime", endpoint_url=aws.url
    ).invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b"body", ContentType=f"probe/{kind}"
    )["Body"]
    with pytest.raises(EventStreamError, match=words) as broken:
        list(stream)
    container.proceed.set()
    assert broken.value.response["Error"]["Code"] == "ModelStreamError"


def test_nothing_is_left_when_the_server_closes(container):
    before = set(threading.enumerate())
    provider = make_provider(make_instance(container))
    with LocalAWS(providers={"sagemaker-runtime": [provider]}) as server:
        connections = [connect(server) for _ in range(20)]
        for connection in connections:
            connection.sendall(request())
        assert {receive(connection)[1] for connection in connections} == {b"hello"}
    assert not [each for each in set(threading.enumerate()) - before if "harness" in each.name]
    for connection in connections:
        assert connection.recv(1) == b""
        connection.close()


def test_connections_go_with_their_container(aws, container, instance):
    other = Instance(instance.container)
    while container.closed.acquire(blocking=False):
        pass

    async def exchange(held):
        answers = [await other.connections.ask("/invocations", {}, b"", WAIT) for _ in range(2)]
        for answer in answers[: 2 - held]:
            while await answer.read():
                pass
            answer.close()
        return answers

    run = asyncio.run_coroutine_threadsafe(exchange(1), aws._server.loop)
    answer = run.result(WAIT)[1]
    other.close()
    assert container.closed.acquire(timeout=WAIT)
    assert not container.closed.acquire(blocking=False)
    aws._server.loop.call_soon_threadsafe(answer.close)
    assert container.closed.acquire(timeout=WAIT)


def test_a_container_has_so_many_requests_at_once(aws, container, instance, monkeypatch):
    monkeypatch.setattr("harness.local.hosting.containers.upstream.CONNECTIONS", 2)
    container.proceed.clear()
    other = Instance(instance.container)
    pool = other.connections

    async def exchange(kind, limit=WAIT):
        answer = await pool.ask("/invocations", {"Content-Type": f"probe/{kind}"}, b"", limit)
        answer.close()
        return answer.status

    def begin(*arguments):
        return asyncio.run_coroutine_threadsafe(exchange(*arguments), aws._server.loop)

    slow = [begin("slow") for _ in range(2)]
    late = begin("plain", 0.1)
    with pytest.raises(TimeoutError):
        late.result(WAIT)
    waiting = [begin("plain") for _ in range(3)]
    container.proceed.set()
    assert [each.result(WAIT) for each in (*slow, *waiting)] == [200] * 5
    assert pool._asking == 0
    other.close()


def test_a_container_that_does_not_accept_a_connection(aws, monkeypatch):
    monkeypatch.setattr("harness.local.hosting.containers.upstream.CONNECT_TIMEOUT", 0.1)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # what the kernel accepts for it
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        pool = Pool("127.0.0.1", full.getsockname()[1], lambda: True)
        asked = asyncio.run_coroutine_threadsafe(pool.ask("/", {}, b"", WAIT), aws._server.loop)
        with pytest.raises(ConnectionError, match="doesn't accept a connection"):
            asked.result(WAIT)
        assert pool._asking == 0


def test_an_address_that_is_somebody_elses_gets_nothing(aws, container):
    pool = Pool("127.0.0.1", container.server.getsockname()[1], lambda: False)
    asked = asyncio.run_coroutine_threadsafe(pool.ask("/", {}, b"", WAIT), aws._server.loop)
    with pytest.raises(ConnectionError, match="has ended"):
        asked.result(WAIT)
    assert not container.seen


def test_a_pool_may_be_given_its_sockets(aws, container):
    made = []

    def connect():
        made.append(threading.current_thread())
        return socket.create_connection(container.server.getsockname(), WAIT)

    pool = Pool("nowhere.invalid", 1, lambda: True, connect)

    async def exchange():
        answer = await pool.ask("/", {}, b"", WAIT)
        body = await answer.read()
        answer.close()
        return body

    asked = [asyncio.run_coroutine_threadsafe(exchange(), aws._server.loop) for _ in range(2)]
    assert [each.result(WAIT) for each in asked] == [b"hello"] * 2
    assert aws._server._thread not in made
    pool.close()


def test_a_stateful_session_stays_with_the_container_that_began_it(container):
    with contextlib.closing(StandIn()) as other:
        provider = make_provider(make_instance(container))
        (endpoint,) = provider._endpoints.all()
        endpoint.variants[0].instances.append(make_instance(other))
        with LocalAWS(providers={"sagemaker-runtime": [provider]}) as server:
            session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name="us-east-1")
            runtime = session.client("sagemaker-runtime", endpoint_url=server.url)

            def invoke(session_id, kind):
                return runtime.invoke_endpoint(
                    EndpointName="e", Body=b"", ContentType=f"probe/{kind}", SessionId=session_id
                )

            begun = invoke("NEW_SESSION", "new-session")
            assert begun["NewSessionId"] == "s-1; Expires=2999-01-01T00:00:00Z"
            first = container if container.seen else other
            for _ in range(4):
                assert "NewSessionId" not in invoke("s-1", "plain")
            assert len(first.seen) == 5
            assert b"X-Amzn-SageMaker-Session-Id: s-1\r\n" in first.seen[-1][0]
            assert invoke("s-1", "closed-session")["ClosedSessionId"] == "s-1"
            with pytest.raises(runtime.exceptions.ValidationError, match="Session s-1 not found"):
                invoke("s-1", "plain")


class Captured:
    """What would be captured, in place of what writes it into S3."""

    def __init__(self):
        self.taken = []

    def take(self, request, content_type, answer):
        self.taken.append((request["Body"], content_type, answer))


@pytest.mark.parametrize("path", ["invocations", "invocations-response-stream"])
def test_answers_are_captured_where_that_is_asked_for(container, path):
    provider = make_provider(make_instance(container))
    (endpoint,) = provider._endpoints.all()
    endpoint.variants[0].capture = captured = Captured()
    with LocalAWS(providers={"sagemaker-runtime": [provider]}) as server:
        asked = request(path=f"/endpoints/e/{path}")
        ask(server, asked, asked.replace(b"\r\n\r\n", b"\r\nContent-Type: probe/error\r\n\r\n", 1))
    assert captured.taken == [(b"body", "text/csv", b"hello")]


def test_an_asynchronous_endpoint_is_not_asked_at_once(container):
    provider = make_provider(make_instance(container))
    (endpoint,) = provider._endpoints.all()
    endpoint.is_async = True
    with LocalAWS(providers={"sagemaker-runtime": [provider]}) as server:
        ((head, body),) = ask(server, request())
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "Endpoint e is an asynchronous inference endpoint" in message(body)[0]


def test_the_log_tells_each_call_and_of_many_one_line_a_second(aws, caplog, monkeypatch):
    monkeypatch.setattr(runtime, "TOLD_EVERY", 0.5)
    caplog.set_level(logging.INFO, logger="harness.local.hosting.runtime")

    def told():
        return [each.getMessage() for each in caplog.records if each.name == runtime.__name__]

    ask(aws, *[request()] * 3, request(b"body", "Content-Type: probe/error"))
    end = time.monotonic() + WAIT
    while len(told()) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)

    first, rest = told()
    assert re.fullmatch(r"endpoint e: invoked, answered in [0-9.]+ ms", first)
    assert re.fullmatch(
        r"endpoint e: invoked 3 times, [0-9.]+ ms each; 1 failed, the last with 500: its words",
        rest,
    )


def test_without_a_log_nothing_is_counted(aws):
    tally = runtime._Tally()

    tally.add("e", 0.1, None)  # which would need a loop otherwise

    assert tally._counts == {}


def test_what_is_said_of_many_calls():
    count = runtime._Count()
    for seconds, failure in ((0.001, None), (0.003, "500: no"), (0.002, "503: later")):
        count.add(seconds, failure)

    assert str(count) == "3 times, 2.0 ms each; 2 failed, the last with 503: later"
