"""Connections of clients, some of them slow, broken or hostile, to a server of a few lines."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from typing import Any

import pytest

from harness.local.http import connection as connections
from harness.local.http import listener, listening
from harness.local.http.limits import (
    MAX_HEAD,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_URI,
    PIECE,
    SPOOLED,
    Limits,
)
from harness.local.http.listening import Server
from harness.local.protocol.errors import DisconnectedError
from harness.local.protocol.messages import Response

WAIT = 10
SHORT = Limits(head=0.2, stall=0.2, idle=0.2, linger=0.2, close=0.2)
MAX_BODY = 100_000


class InLoop:
    """What is answered in the loop: its body's length; and how often its head has come."""

    max_body = MAX_BODY

    def __init__(self, times=1):
        self.times = times

    def again(self):
        return InLoop(self.times + 1)

    async def respond(self, body):
        told = {"Times": str(self.times), "Ends": repr(body[-3:])}
        return Response(200, told, str(len(body)).encode())


class App:
    """Tells what it was asked; at some paths, it does as they say."""

    def __init__(self):
        self.asked: queue.Queue[Any] = queue.Queue()
        self.begun, self.proceed = threading.Semaphore(0), threading.Event()
        self.broken: queue.Queue[Any] = queue.Queue()

    def plan(self, request):
        if request.path == "/health":
            return Response(200, {}, b"ok")
        return InLoop() if request.path == "/loop" else None

    def respond(self, request):
        self.begun.release()
        if request.path == "/wait":
            assert self.proceed.wait(WAIT)
        if request.path == "/unread":
            return Response(413, {}, b"no")
        if request.path == "/fails":
            raise RuntimeError("secret")
        if request.path == "/splits":
            return Response(200, {"X-A": "a\r\nX-B: b"}, b"")
        if request.path in ("/long", "/chunked"):
            known = {"Content-Length": str(64 * PIECE)} if request.path == "/long" else {}
            return Response(200, known, self.long(64 if known else 3))
        try:
            body = request.stream.read()
        except DisconnectedError as error:
            self.broken.put(error)
            raise
        told = [request.method, request.path, request.query, len(body), request.headers]
        self.asked.put(told)
        return Response(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def long(self, count):
        try:
            for _ in range(count):
                yield b"x" * PIECE
        finally:
            self.broken.put("closed")


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self, *, head=False):
        """The next answer's status, headers and body."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (field := self.file.readline()) != b"\r\n":
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.file.readline()
        elif not head:
            body = self.file.read(int(headers.get("content-length", 0)))
        return int(line.split()[1]), headers, body

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def start():
    """Starts servers with limits; returns an app, and what connects to it."""
    with contextlib.ExitStack() as stack:

        def start(limits=None, **options):
            app: Any = App()
            server = Server(app, limits)
            stack.callback(server.stop)
            stack.callback(app.proceed.set)
            port = server.listen("127.0.0.1", 0, **options)

            def connect(data=b""):
                return stack.enter_context(contextlib.closing(Client(port))).send(data)

            return app, connect, server

        yield start


@pytest.fixture
def started(start):
    return start()


HOST = b"Host: a\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"


def post(body=b"body", *headers, path=b"/", version=b"1.1"):
    lines = [b"POST " + path + b" HTTP/" + version, b"Host: a", *headers]
    if not any(
        each.lower().startswith((b"transfer-encoding", b"content-length")) for each in lines
    ):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body


CHUNKED = b"Transfer-Encoding: chunked"
MALFORMED = {
    "two-lengths": post(b"body", b"Content-Length: 4", b"Content-Length: 4"),
    "a-list-of-lengths": post(b"body", b"Content-Length: 4, 4"),
    "negative-length": post(b"", b"Content-Length: -1"),
    "signed-length": post(b"body", b"Content-Length: +4"),
    "no-length": post(b"body", b"Content-Length: four"),
    "huge-length": post(b"body", b"Content-Length: " + b"9" * 30),
    "length-and-chunks": post(b"0\r\n\r\n", b"Content-Length: 5", CHUNKED),
    "chunks-and-length": post(b"0\r\n\r\n", CHUNKED, b"Content-Length: 5"),
    "chunks-twice": post(b"0\r\n\r\n", CHUNKED, CHUNKED),
    "chunked-in-another-coding": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, gzip"),
    "nearly-chunked": post(b"0\r\n\r\n", b"Transfer-Encoding: xchunked"),
    "no-chunk-size": post(b"zz\r\nbody\r\n0\r\n\r\n", CHUNKED),
    "a-chunk-after-a-good-one": post(b"2\r\nbo\r\nzz\r\ndy\r\n0\r\n\r\n", CHUNKED),
    "negative-chunk-size": post(b"-1\r\nb\r\n0\r\n\r\n", CHUNKED),
    "hexadecimal-prefix": post(b"0x4\r\nbody\r\n0\r\n\r\n", CHUNKED),
    "huge-chunk-size": post(b"f" * 17 + b"\r\nbody\r\n0\r\n\r\n", CHUNKED),
    "chunk-too-long": post(b"2\r\nbody\r\n0\r\n\r\n", CHUNKED),
    "chunk-with-bare-lf": post(b"4\nbody\n0\n\n", CHUNKED),
    "bare-cr": post(b"body", b"X-A: a\rX-B: b"),
    "bare-lf": post(b"body", b"X-A: a\nX-B: b"),
    "only-lf": post().replace(b"\r\n", b"\n"),
    "folded": post(b"body", b"X-A: a", b" b"),
    "space-before-colon": post(b"body", b"X-A : a"),
    "no-name": post(b"body", b": a"),
    "no-colon": post(b"body", b"X-A"),
    "nul-in-a-value": post(b"body", b"X-A: a\0b"),
    "nul-in-a-name": post(b"body", b"X\0A: a"),
    "control-character": post(b"body", b"X-A: a\x01"),
    "space-in-the-target": post(path=b"/a b"),
    "nul-in-the-target": post(path=b"/a\0b"),
    "fragment": post(path=b"/a#b"),
    "not-ascii": post(path=b"/\xc3\xa9"),
    "two-hosts": post(b"body", b"Host: b"),
    "no-host": post().replace(HOST, b""),
    "no-method": b"nonsense\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
UNSUPPORTED = {
    "long-target": (414, post(path=b"/" + b"a" * MAX_URI)),
    "long-head": (431, post(b"body", *(b"X-%d: %s" % (n, b"x" * 1000) for n in range(70)))),
    "many-headers": (431, post(b"body", *(b"X-%d: x" % n for n in range(MAX_HEADERS)))),
    "coded": (501, post(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked")),
    "chunks-of-1.0": (501, post(b"0\r\n\r\n", CHUNKED, version=b"1.0")),
    "proxied": (501, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "version": (505, post(version=b"2.0")),
    "expectation": (417, post(b"body", b"Expect: tea")),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_malformed_request_is_refused(started, name, at_once):
    app, connect, _ = started
    client = connect()
    if at_once:
        client.send(MALFORMED[name])
    else:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for byte in MALFORMED[name]:
                client.send(bytes([byte]))
    status, headers, body = client.answer()
    assert status == 400, body
    assert headers["connection"] == "close"
    assert body.endswith(b".\n")
    assert client.is_closed()
    assert app.asked.empty()


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_refused(started, name):
    app, connect, _ = started
    status, request = UNSUPPORTED[name]
    client = connect(request)
    assert client.answer()[0] == status
    assert client.is_closed()
    assert app.asked.empty()


def test_a_head_without_end(started):
    _, connect, _ = started
    client = connect(b"GET / HTTP/1.1\r\nHost: a\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(MAX_HEAD // 1000 + 1):
            client.send(b"X-A: " + b"x" * 1000)
            time.sleep(0)  # in pieces
    assert client.answer()[0] == 431
    assert client.is_closed()


def test_a_malformed_chunk_late_in_a_body_that_is_being_read(started):
    app, connect, _ = started
    size = SPOOLED + 1
    client = connect(post(b"%x\r\n%s\r\n" % (size, b"x" * size), CHUNKED))
    assert app.begun.acquire(timeout=WAIT)
    client.send(b"zz\r\n")
    assert client.answer()[0] == 400
    assert client.is_closed()
    assert app.broken.get(timeout=WAIT)
    assert app.asked.empty()


def test_silent_clients_and_slow_ones_take_no_thread(started):
    app, connect, _ = started
    before = threading.active_count()
    for _ in range(128):
        connect()
        connect(b"POST / HT")
    for path in (b"/", b"/loop"):
        for _ in range(10):
            connect(post(b"x" * 100_000, path=path)[:-1])
    assert connect(HEALTH).answer()[2] == b"ok"
    assert connect(post(path=b"/loop")).answer()[2] == b"4"
    assert threading.active_count() == before
    assert connect(post()).answer()[0] == 200
    assert threading.active_count() == before + 1
    assert len(app.asked.queue) == 1


def test_uploads_that_are_slow_hold_up_no_other_request(start, monkeypatch):
    monkeypatch.setattr(listening, "UPLOADS", 2)
    monkeypatch.setattr(listening, "WORKERS", 1)
    _, connect, _ = start()
    slow = [connect(post(b"x" * 2 * SPOOLED)[:-1]) for _ in range(3)]
    assert connect(post()).answer()[0] == 200
    for each in slow:
        each.send(b"x")
    assert [each.answer()[0] for each in slow] == [200] * 3


def test_health_is_told_while_all_threads_are_busy(start, monkeypatch):
    monkeypatch.setattr(listening, "WORKERS", 1)
    app, connect, _ = start()
    busy = connect(post(path=b"/wait"))
    assert app.begun.acquire(timeout=WAIT)
    assert connect(HEALTH).answer()[2] == b"ok"
    assert connect(post(path=b"/loop")).answer()[2] == b"4"
    app.proceed.set()
    assert busy.answer()[0] == 200


@pytest.mark.parametrize(
    "begun",
    [b"GET / HTTP/1.1\r\nHost", b"\r\n", post(b"body")[:-1], post(b"body", path=b"/loop")[:-1]],
)
def test_a_request_that_does_not_come_in_time(start, begun):
    _, connect, _ = start(SHORT)
    client = connect(begun)
    assert client.answer()[0] == 408
    assert client.is_closed()


def test_a_body_that_trickles_does_not_come_in_time(start):
    app, connect, _ = start(SHORT)
    client = connect(post(b"x" * 3 * SPOOLED)[: 2 * SPOOLED])
    client.socket.settimeout(0.02)
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        with contextlib.suppress(ConnectionError):
            client.send(b"x")
        try:
            client.socket.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            pass
    client.socket.settimeout(WAIT)
    assert client.answer()[0] == 408
    assert app.broken.get(timeout=WAIT)
    assert app.asked.empty()


def test_an_idle_connection_is_closed_without_a_word(start):
    _, connect, _ = start(SHORT)
    assert connect().answer() is None
    client = connect(HEALTH)
    assert client.answer()[2] == b"ok"
    assert client.answer() is None


def test_a_body_that_comes_slowly_but_steadily_is_taken(start):
    app, connect, _ = start(Limits(stall=0.3))
    client = connect(post(b"x" * 4 * PIECE)[: -4 * PIECE])
    for _ in range(4):
        time.sleep(0.15)
        client.send(b"x" * PIECE)
    assert client.answer()[0] == 200
    assert app.asked.get(timeout=WAIT)[3] == 4 * PIECE


def test_a_thread_that_works_for_long_has_no_deadline(start):
    app, connect, _ = start(SHORT)
    client = connect(post(path=b"/wait"))
    assert app.begun.acquire(timeout=WAIT)
    time.sleep(0.6)
    app.proceed.set()
    assert client.answer()[0] == 200


def test_one_connection_too_many_takes_the_place_of_the_oldest_idle_one(start, monkeypatch):
    monkeypatch.setattr(listening, "MOST_CONNECTIONS", 10)
    app, connect, _ = start()
    busy = connect(post(path=b"/wait"))
    assert app.begun.acquire(timeout=WAIT)
    idle = [connect(HEALTH) for _ in range(9)]
    assert {each.answer()[2] for each in idle} == {b"ok"}
    assert idle[0].send(HEALTH).answer()[2] == b"ok"  # and so not the one that is idle for longest
    assert connect(HEALTH).answer()[2] == b"ok"
    assert idle[1].is_closed()
    assert idle[0].send(HEALTH).answer()[2] == b"ok"
    app.proceed.set()
    assert busy.answer()[0] == 200


def test_bodies_that_are_not_whole_make_room_for_others(start, monkeypatch):
    monkeypatch.setattr(listener, "MAX_HELD", 150_000)
    _, connect, server = start()
    slow = connect(post(b"x" * 100_000, path=b"/loop")[:-1])
    until = time.monotonic() + WAIT
    while server.held < 99_999 and time.monotonic() < until:
        time.sleep(0.001)
    assert connect(post(b"x" * 90_000, path=b"/loop")).answer()[2] == b"90000"
    assert slow.is_closed()
    while server.held and time.monotonic() < until:
        time.sleep(0.001)
    assert server.held == 0


def test_a_body_for_which_there_is_no_room(start, monkeypatch):
    monkeypatch.setattr(listener, "MAX_HELD", 1000)
    _, connect, _ = start()
    assert connect(post(b"x" * 2000)).answer()[0] == 503


def test_a_body_is_read_no_faster_than_it_is_taken(started):
    app, connect, _ = started
    client = connect()
    client.socket.setblocking(False)
    rest = memoryview(post(b"x" * 32 * SPOOLED, path=b"/wait"))
    whole = len(rest)
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        with contextlib.suppress(BlockingIOError):
            rest = rest[client.socket.send(rest) :]
            until = time.monotonic() + 0.2
    assert whole - len(rest) < whole // 2  # the buffers of the kernel are a part of it
    app.proceed.set()
    client.socket.settimeout(WAIT)
    assert client.send(rest).answer()[0] == 200
    assert app.asked.get(timeout=WAIT)[3] == 32 * SPOOLED


def test_a_client_that_does_not_read_holds_no_thread_and_is_left_in_the_end(start, monkeypatch):
    monkeypatch.setattr(listening, "WORKERS", 1)
    app, connect, _ = start(Limits(stall=0.5))
    slow = [connect(post(path=b"/long")) for _ in range(3)]
    assert connect(post()).answer()[0] == 200
    for _ in slow:
        assert app.broken.get(timeout=WAIT) == "closed"
    for each in slow:
        with contextlib.suppress(ConnectionError):
            assert len(each.file.read()) < 64 * PIECE


def test_a_long_answer_comes_whole(started):
    app, connect, _ = started
    assert len(connect(post(path=b"/long")).answer()[2]) == 64 * PIECE
    assert app.broken.get(timeout=WAIT) == "closed"
    client = connect(post(path=b"/chunked"))
    status, headers, body = client.answer()
    assert (status, headers["transfer-encoding"], len(body)) == (200, "chunked", 3 * PIECE)
    assert client.send(HEALTH).answer()[2] == b"ok"


def test_requests_in_one_go_are_answered_in_turn(started):
    _, connect, _ = started
    client = connect(post(b"a") + post(b"ab", path=b"/loop") + HEALTH + post(b"abcd"))
    bodies = [client.answer()[2] for _ in range(4)]
    assert json.loads(bodies[0])[3] == 1
    assert bodies[1:3] == [b"2", b"ok"]
    assert json.loads(bodies[3])[3] == 4


def test_what_comes_before_a_malformed_request_is_answered(started):
    _, connect, _ = started
    client = connect(post(b"a") + MALFORMED["two-lengths"] + post(b"b"))
    assert [client.answer()[0] for _ in range(2)] == [200, 400]
    assert client.is_closed()


def test_a_head_that_comes_again_is_read_once(started):
    _, connect, _ = started
    client = connect()
    asked = [(post(body, path=b"/loop"), body) for body in (b"one", b"two", b"six", b"\r\n\r")]
    times = []
    for data, body in asked:
        _, headers, answer = client.send(data).answer()
        assert (answer, headers["ends"]) == (b"%d" % len(body), repr(body[-3:]))
        times.append(int(headers["times"]))
    assert times == [1, 2, 2, 2]
    # In two pieces, with more behind it, or with another length, it is read like any other.
    first, second = asked[0][0], asked[1][0]
    client.send(first[:-1])
    assert client.send(first[-1:]).answer()[1]["ends"] == "b'one'"
    client.send(first + second)
    assert [client.answer()[1]["ends"] for _ in range(2)] == ["b'one'", "b'two'"]
    assert client.send(post(b"three", path=b"/loop")).answer()[1]["ends"] == "b'ree'"
    assert client.send(post(b"other", path=b"/other")).answer()[0] == 200
    assert client.send(first.replace(b"Host:", b"Host ")).answer()[0] == 400


@pytest.mark.parametrize("header", [b"Expect: 100-continue", b"Upgrade: h2c", b"Connection: close"])
def test_heads_that_say_more_than_what_is_asked_are_read_each_time(started, header):
    _, connect, _ = started
    client = connect()
    for _ in range(2):
        client.send(post(b"one", header, path=b"/loop"))
        if b"Expect" in header:
            while client.file.readline() != b"\r\n":
                pass
        answer = client.answer()
        if answer is None:
            assert b"close" in header
            break
        assert answer[1]["times"] == "1"


def test_more_requests_in_one_go_than_are_read_at_once(started):
    app, connect, _ = started
    client = connect(post(path=b"/wait"))
    assert app.begun.acquire(timeout=WAIT)
    client.send(HEALTH * (MAX_PIPELINED + 2))
    assert client.is_closed()


def test_a_client_that_waits_to_be_told_to_continue(started):
    _, connect, _ = started
    whole = post(b"body", b"Expect: 100-continue")
    client = connect(whole[:-4])
    assert client.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert client.file.readline() == b"\r\n"
    assert client.send(whole[-4:]).answer()[0] == 200
    refused = connect(post(b"x" * (MAX_BODY + 1), b"Expect: 100-continue", path=b"/loop")[:200])
    assert refused.answer()[0] == 413
    assert refused.is_closed()


@pytest.mark.parametrize("framing", [None, CHUNKED])
@pytest.mark.parametrize("path", [b"/loop", b"/unread"])
def test_a_body_that_nobody_wants_leaves_the_connection_good(started, path, framing):
    _, connect, _ = started
    body = b"x" * (3 * SPOOLED)
    headers = []
    if framing:
        body, headers = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), [framing]
    client = connect(post(body, *headers, path=path))
    assert client.answer()[0] == 413
    assert client.send(HEALTH).answer()[2] == b"ok"


def test_there_is_an_end_to_what_is_thrown_away(started, monkeypatch):
    monkeypatch.setattr(connections, "MAX_DROPPED", 100_000)
    _, connect, _ = started
    client = connect()
    with contextlib.suppress(ConnectionError):
        client.send(post(b"x" * 40 * SPOOLED, path=b"/loop"))
    with contextlib.suppress(ConnectionError):
        client.file.read()
    assert client.is_closed()


def test_old_clients(started):
    _, connect, _ = started
    client = connect(post(version=b"1.0"))
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert client.is_closed()
    client = connect(post(b"body", b"Connection: keep-alive", version=b"1.0"))
    assert client.answer()[1]["connection"] == "keep-alive"
    client.send(post(b"", path=b"/chunked", version=b"1.0"))
    while client.file.readline() != b"\r\n":
        pass
    assert len(client.file.read()) == 3 * PIECE


def test_a_client_that_wants_the_connection_closed(started):
    _, connect, _ = started
    client = connect(post(b"body", b"Connection: close"))
    assert client.answer()[1]["connection"] == "close"
    assert client.is_closed()


def test_an_answer_to_head_has_no_body(started):
    _, connect, _ = started
    client = connect(HEALTH.replace(b"GET", b"HEAD") + post(b"abc", path=b"/loop"))
    assert client.answer(head=True)[1]["content-length"] == "2"
    assert client.answer()[2] == b"3"
    client = connect(post(b"", path=b"/long").replace(b"POST", b"HEAD"))
    assert client.answer(head=True)[1]["content-length"] == str(64 * PIECE)
    assert client.send(HEALTH).answer()[2] == b"ok"


@pytest.mark.parametrize("body", [post(b"body"), post(b"4\r\nbody\r\n0\r\n\r\n", CHUNKED), HEALTH])
def test_an_offer_of_another_protocol_is_passed_over(started, body):
    _, connect, _ = started
    offer = b"Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    client = connect(body.replace(HOST, offer) + HEALTH)
    status, _, told = client.answer()
    assert status == 200
    if body is not HEALTH:
        assert json.loads(told)[3] == 4
        assert client.answer()[2] == b"ok"


def test_headers_and_targets(started):
    app, connect, _ = started
    connect(post(b"", b"X-A: a", b"x-a:   b  ", b"X-E: caf\xe9", path=b"/p%2F?a=b?c")).answer()
    method, path, query, _, headers = app.asked.get(timeout=WAIT)
    assert (method, path, query) == ("POST", "/p%2F", "a=b?c")
    assert (headers["x-a"], headers["x-e"]) == ("a, b", "caf\xe9")
    connect(post(path=b"http://other/p?q")).answer()
    assert app.asked.get(timeout=WAIT)[1:3] == ["/p", "q"]
    trailer = b"4\r\nbody\r\n0\r\nHost: other\r\nX-T: t\r\n\r\n"
    client = connect(post(trailer, CHUNKED))
    assert client.answer()[0] == 200
    assert app.asked.get(timeout=WAIT)[4] == {"host": "a", "transfer-encoding": "chunked"}
    assert client.send(HEALTH).answer()[2] == b"ok"


def test_a_client_that_sends_no_more_gets_its_answer(started):
    _, connect, _ = started
    client = connect(post())
    client.socket.shutdown(socket.SHUT_WR)
    assert client.answer()[0] == 200
    assert client.is_closed()


@pytest.mark.parametrize("size", [10, 3 * SPOOLED])
def test_a_client_that_goes_in_the_middle_of_a_body(started, size):
    app, connect, _ = started
    client = connect(post(b"x" * size)[:-1])
    client.socket.shutdown(socket.SHUT_WR)
    assert client.is_closed()
    assert app.asked.empty()


def test_what_fails_is_told_in_the_log_alone(started, caplog):
    _, connect, _ = started
    client = connect(post(path=b"/fails"))
    status, _, body = client.answer()
    assert status == 500
    assert b"secret" not in body
    assert "secret" in caplog.text
    assert client.send(HEALTH).answer()[2] == b"ok"


def test_a_header_with_a_line_break_is_not_sent(started, caplog):
    _, connect, _ = started
    assert connect(post(path=b"/splits")).answer() is None
    assert "line break" in caplog.text


def test_only_whom_an_address_accepts_is_answered(start):
    _, connect, _ = start(accepts=lambda host: False)
    for request in (HEALTH, post(), post(path=b"/loop")):
        assert connect(request).answer()[0] == 403


def test_stopping_waits_for_what_is_being_answered_and_for_nothing_else(start):
    app, connect, server = start()
    idle, begun = connect(HEALTH), connect(post()[:-1])
    assert idle.answer()[0] == 200
    busy = connect(post(path=b"/wait"))
    assert app.begun.acquire(timeout=WAIT)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert idle.is_closed()
    assert begun.is_closed()
    app.proceed.set()
    status, headers, _ = busy.answer()
    assert (status, headers["connection"]) == (200, "close")
    stopping.join(WAIT)
    assert not stopping.is_alive()
    with pytest.raises(OSError, match="refused"):
        connect()


def test_stopping_does_not_wait_without_end_and_leaves_no_thread(start, caplog):
    before = set(threading.enumerate())
    app, connect, server = start(SHORT)
    busy = connect(post(path=b"/wait"))
    assert app.begun.acquire(timeout=WAIT)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 2
    assert busy.is_closed()
    assert "still being answered" in caplog.text
    app.proceed.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)
        assert not thread.is_alive()
