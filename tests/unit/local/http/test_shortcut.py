"""Invocations on the short way and on cheroot's: the same answers, and the same to the container.

The container is a few lines here, so that it can break HTTP's rules.
"""

from __future__ import annotations

import contextlib
import io
import queue
import re
import socket
import threading
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.store import Store
from harness.local.hosting.endpoint import Endpoint
from harness.local.hosting.runtime import Runtime
from harness.local.hosting.serving import Instance
from harness.local.hosting.variant import Deployment, Variant
from harness.local.http.shortcut import Shortcut
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


class StandIn:
    """Answers as the request's Content-Type says; keeps what it was sent."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.seen = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self.begun, self.proceed = threading.Event(), threading.Event()
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
        if kind == "upload":
            assert file.read(1) == b"y"
            self.begun.set()
            length -= 1
        self.seen.append((head, file.read(length)))
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


@pytest.fixture(scope="module")
def instance(container):
    stand_in: Any = SimpleNamespace(
        address=container.server.getsockname(),
        has_address=lambda: True,
        exited=threading.Event(),
        name="stand-in",
        remove=lambda: None,
    )
    return Instance(stand_in)


@pytest.fixture(scope="module")
def provider(instance):
    context = RequestContext("sagemaker", "CreateEndpoint", "us-east-1", "123456789012", "r")
    model: Any = SimpleNamespace(container={})
    variant = Variant({"VariantName": "v"}, model)
    variant.instances = [instance]
    backend: Any = SimpleNamespace(store=Store())
    endpoint = Endpoint(backend, context, "e", Deployment("c", [variant]))
    endpoint.variants, endpoint.status = [variant], "InService"
    backend.store.table("endpoint").add(endpoint)
    return Runtime(backend)


@pytest.fixture(scope="module")
def aws(provider):
    with LocalAWS(providers={"sagemaker-runtime": [provider]}) as server:
        yield server


@pytest.fixture(scope="module")
def without(provider):
    """The same without the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalAWS, "_shortcut", lambda self: None)
        server = LocalAWS(providers={"sagemaker-runtime": [provider]}).start()
    with contextlib.closing(server):
        yield server


@pytest.fixture
def taken(monkeypatch):
    """Waits for what became of so many requests that the shortcut looked at: answered, or None."""
    outcomes: queue.Queue[Any] = queue.Queue()
    answer = Shortcut._answer

    def note(shortcut, connection, begun):
        outcome = answer(shortcut, connection, begun)
        if begun:  # and not the connection's end
            outcomes.put(outcome)
        return outcome

    monkeypatch.setattr(Shortcut, "_answer", note)
    yield lambda count: [outcomes.get(timeout=WAIT) for _ in range(count)]
    assert outcomes.empty()


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


@pytest.mark.parametrize("operation", ["invocations", "invocations-response-stream"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_what_a_container_answers(aws, without, container, instance, taken, kind, operation):
    asked = request(b"body", f"Content-Type: probe/{kind}", path=f"/endpoints/e/{operation}")
    expected = ask(without, asked, asked)
    theirs, container.seen[:] = container.seen[:], []
    found = ask(aws, asked, asked)
    assert taken(2) == [True, True]
    if operation == "invocations":
        assert found == expected
    else:
        assert [each[0] for each in found] == [each[0] for each in expected]
        if expected[0][0].startswith(b"HTTP/1.1 200 "):
            found, expected = ([events(body) for _, body in each] for each in (found, expected))
        assert found == expected
    assert container.seen == theirs
    assert idle(instance)


SIGNED = "Authorization: AWS4-HMAC-SHA256 Credential=A/20260102/{}/aws4_request, Signature=0"
REQUESTS = {
    "headers": request(
        b"1,2",
        "Accept: text/csv",
        "X-Amzn-SageMaker-Custom-Attributes: trace=1",
        "X-Amzn-SageMaker-Inference-Id: i",
        "X-Amzn-SageMaker-Target-Model: m.tar.gz",
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
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_asked(aws, without, container, taken, name):
    expected = ask(without, REQUESTS[name])
    theirs, container.seen[:] = container.seen[:], []
    for _ in range(2):  # the second time from memory
        assert ask(aws, REQUESTS[name]) == expected
        assert container.seen == theirs
        container.seen.clear()
    assert taken(2) == [True, True]


LEFT = {
    "both-framings": request(b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "chunked": request(b"4\r\nbody\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False),
    "two-lengths": request(b"body", "Content-Length: 3"),
    "negative-length": request(b"", length="-1"),
    "no-number": request(b"body", length="4, 4"),
    "signed-length": request(b"body", length="+4"),
    "no-length": request(b"", length=False),
    "space-before-colon": request(b"body", "Content-Type : text/csv"),
    "folded": request(b"body", "Accept: a", " b"),
    "bare-lf": request(b"body", "Accept: a\nX-Amzn-SageMaker-Target-Variant: other"),
    "bare-cr": request(b"body", "Accept: a\rX-Amzn-SageMaker-Target-Variant: other"),
    "not-ascii": request(b"body", "Accept: caf\xe9"),
    "underscore": request(b"body", "Content_Type: text/csv"),
    "twice": request(b"body", "Accept: a", "Accept: b"),
    "close": request(b"body", "Connection: close"),
    "query": request(path="/endpoints/e/invocations?a=b"),
    "old": request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "much-head": request(b"body", *(f"X-{number}: {'x' * 1000}" for number in range(20))),
    "web-page": request(b"body", "Origin: http://evil.example"),
    "rebound": request().replace(b"Host: 127.0.0.1", b"Host: evil.example"),
    "unread": request(b"y" * (LIMIT + 5000)),
    "for-moto": request(b"body", SIGNED.format("us-east-1/s3")),
    "not-allowed": request().replace(b"POST", b"PUT"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_cheroot(aws, without, container, taken, name, caplog):
    (expected,) = ask(without, LEFT[name])
    theirs, container.seen[:] = container.seen[:], []
    (found,) = ask(aws, LEFT[name])
    assert taken(1) == [None]
    if name not in (
        "bare-cr",
        "for-moto",
        "not-allowed",
    ):  # whose answers have ids of their own in the text
        assert found == expected
    assert found[0].splitlines()[0] == expected[0].splitlines()[0]
    assert container.seen == theirs


@pytest.mark.parametrize("name", ["negative-length", "signed-length", "no-number"])
def test_a_length_that_is_none_is_refused_and_ends_the_connection(aws, container, name):
    with connect(aws) as connection:
        connection.sendall(LEFT[name])
        head, _ = receive(connection)
        assert connection.recv(1) == b""
    assert head.startswith(b"HTTP/1.1 400 ")
    assert not container.seen


def test_a_header_with_a_line_break_does_not_reach_the_container(aws, container, caplog):
    ((head, _),) = ask(aws, LEFT["bare-cr"])
    assert head.startswith(b"HTTP/1.1 500 ")
    assert not container.seen


def test_requests_in_one_go_are_answered_in_turn(aws, taken):
    with connect(aws) as connection:
        connection.sendall(request() + request(path="/endpoints/no/invocations") + request())
        heads = [receive(connection)[0].splitlines()[0] for _ in range(3)]
    assert heads == [b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 200 OK"]
    assert taken(3) == [True, True, True]


def test_others_on_the_same_connection_are_answered_too(aws, taken):
    health = b"GET /_harness/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answers = ask(aws, request(), health, request(), LEFT["chunked"], request())
    assert [head.splitlines()[0] for head, _ in answers] == 5 * [b"HTTP/1.1 200 OK"]
    assert taken(4) == [True, None, True, None]  # cheroot leaves a line of the chunked one unread


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


def test_a_request_body_is_passed_on_as_it_comes(aws, container, instance):
    container.begun.clear()
    whole = request(b"y" * 200_000, "Content-Type: probe/upload")
    with connect(aws) as connection:
        connection.sendall(whole[:100_000])
        assert container.begun.wait(WAIT)
        connection.sendall(whole[100_000:])
        assert receive(connection)[1] == b"hello"
    assert idle(instance)


def test_a_client_that_goes_in_the_middle_of_a_large_body(aws, container, instance):
    container.begun.clear()
    with connect(aws) as connection:
        connection.sendall(request(b"y" * 100_000, "Content-Type: probe/upload", length=200_000))
        assert container.begun.wait(WAIT)
    assert idle(instance)
    assert container.closed.acquire(timeout=WAIT)


def test_an_answer_is_passed_on_as_it_comes(aws, container, instance):
    container.proceed.clear()
    with connect(aws) as connection:
        connection.sendall(request(b"body", "Content-Type: probe/gated"))
        got = b""
        while len(got) < 50_000:
            got += connection.recv(50_000)
        container.proceed.set()
        while not got.endswith(b"x" * 100) or len(got) < 300_000:
            got += connection.recv(1 << 20)
    assert idle(instance)


def test_a_client_that_goes_in_the_middle_of_an_answer(aws, container, instance):
    container.proceed.clear()
    with connect(aws) as connection:
        connection.sendall(request(b"body", "Content-Type: probe/gated"))
        assert connection.recv(10)
    container.proceed.set()
    assert idle(instance)
    assert ask(aws, request())[0][1] == b"hello"


@pytest.mark.parametrize("short", [True, False])
def test_a_long_answer_that_breaks_off_ends_the_connection(aws, without, instance, short, caplog):
    with connect(aws if short else without) as connection:
        connection.sendall(request(b"body", "Content-Type: probe/large-break-off"))
        head, body = receive(connection)
    assert b"Content-Length: 300000\r\n" in head
    assert 0 < len(body) < 200_000
    assert "an answer broke off" in caplog.text
    assert idle(instance)


@pytest.mark.parametrize("short", [True, False])
def test_a_container_that_refuses_to_read_has_its_words_passed_on(aws, without, instance, short):
    asked = request(b"y" * 5_000_000, "Content-Type: probe/refuses-to-read")
    ((head, body), _) = ask(aws if short else without, asked, request())
    assert head.startswith(b"HTTP/1.1 424 ")
    assert b'"OriginalStatusCode": 4' in body or b'"OriginalStatusCode": 0' in body
    assert idle(instance)


def test_a_container_that_takes_too_long(aws, container, instance, monkeypatch):
    monkeypatch.setattr("harness.local.hosting.runtime.INVOCATION_TIMEOUT", 0.2)
    container.proceed.clear()
    ((head, body),) = ask(aws, request(b"body", "Content-Type: probe/slow"))
    container.proceed.set()
    assert head.startswith(b"HTTP/1.1 424 ")
    assert b"Your invocation timed out while waiting" in body
    assert idle(instance)


def test_connections_to_the_container_are_kept_until_it_closes_them(aws, container):
    ask(aws, request(), request())
    before = container.connections
    for _ in range(3):
        ask(aws, request(), request())
    assert container.connections == before
    for _ in range(3):  # it closes each after its answer, without saying so
        while container.closed.acquire(blocking=False):
            pass
        ((_, body),) = ask(aws, request(b"body", "Content-Type: probe/silent-close"))
        assert body == b"hello"
        assert container.closed.acquire(timeout=WAIT)
    assert container.connections == before + 2


def test_boto3_takes_the_short_way(aws, taken):
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
    assert taken(len(bodies) + 2) == [True] * (len(bodies) + 2)


def test_nothing_is_left_when_the_server_closes(provider, instance, container):
    before = set(threading.enumerate())
    with LocalAWS(providers={"sagemaker-runtime": [provider]}) as server:
        connections = [connect(server) for _ in range(20)]
        for connection in connections:
            connection.sendall(request())
        assert {receive(connection)[1] for connection in connections} == {b"hello"}
    left = [each for each in set(threading.enumerate()) - before if "CP Server" in each.name]
    assert not left
    for connection in connections:
        assert connection.recv(1) == b""
        connection.close()


def test_connections_go_with_their_container(container, instance):
    other = Instance(instance.container)
    while container.closed.acquire(blocking=False):
        pass
    held = other.connections.send("/invocations", {}, b"", WAIT)
    for each in (other.connections.send("/invocations", {}, b"", WAIT), held):
        answer = each.answer()
        while answer.read1():
            pass
        if each is held:
            other.close()
        answer.close()
    assert container.closed.acquire(timeout=WAIT)
    assert container.closed.acquire(timeout=WAIT)
