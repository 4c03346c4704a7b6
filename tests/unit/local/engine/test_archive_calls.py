"""Calls to the engine's socket, as a server of another make reads and answers them."""

import os
import socketserver
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest

from harness.local.engine import archives
from harness.local.engine.pieces import Content

MB = 1 << 20


class Server(socketserver.UnixStreamServer):
    seen: SimpleNamespace


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_PUT(self):
        seen = self.server.seen
        seen.path = self.path
        if seen.refuse:
            return self.answer(404, b'{"message": "no such folder"}')
        while size := int(self.rfile.readline(), 16):
            seen.chunks.append(self.rfile.read(size))
            self.rfile.readline()
        return self.answer(seen.status, seen.body)

    def do_GET(self):
        seen = self.server.seen
        if seen.refuse:
            return self.answer(404, b'{"message": "no such folder"}')
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(seen.sent), 100_000):
            piece = seen.sent[at : at + 100_000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if not seen.breaks_off:
            self.wfile.write(b"0\r\n\r\n")
        return None

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(BrokenPipeError):  # who was refused in the middle may have gone
            self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


@pytest.fixture
def engine(tmp_path):
    seen = SimpleNamespace(
        chunks=[],
        status=200,
        body=b"",
        refuse=False,
        breaks_off=False,
        path=None,
        socket=str(tmp_path / "s"),
    )
    with Server(seen.socket, Handler) as server:
        server.seen = seen
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield seen
        server.shutdown()
        thread.join()


@pytest.fixture
def content(tmp_path):
    """The middle of a file, and its bytes."""
    data = os.urandom(20 * MB)
    path = tmp_path / "file"
    path.write_bytes(data)
    return Content(os.open(path, os.O_RDONLY), 5, len(data) - 3), data[5:-3]


def put(engine, stream):
    return archives.unix_put(engine.socket, "/archive?path=%2F", stream, 10)


def test_bytes_and_parts_of_files_arrive_in_their_order(engine, content):
    part, expected = content
    small, large = b"head", os.urandom(MB)
    assert put(engine, [small, *part.pieces(), b"", small, large, small]) == (200, "")
    assert b"".join(engine.chunks) == small + expected + small + large + small
    assert engine.path == "/archive?path=%2F"


def test_what_is_small_is_sent_together(engine):
    put(engine, [b"x" * 100] * 10_000)
    assert b"".join(engine.chunks) == b"x" * 1_000_000
    assert len(engine.chunks) < 20


def test_what_the_engine_says_of_an_error_is_returned(engine):
    engine.status, engine.body = 500, b'{"message": "no space left"}'
    assert put(engine, [b"x"]) == (500, "no space left")
    engine.body = b"not JSON"
    assert put(engine, [b"x"]) == (500, "not JSON")


def test_an_engine_that_refuses_before_it_has_all_is_heard(engine, content):
    engine.refuse = True
    assert put(engine, content[0].pieces()) == (404, "no such folder")


def test_an_error_of_the_stream_comes_out_and_the_engine_has_no_whole_body(engine):
    def broken():
        yield b"x" * MB
        raise KeyError("object")

    with pytest.raises(KeyError, match="object"):
        put(engine, broken())


def test_no_engine_is_a_lost_connection(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        archives.unix_put(str(tmp_path / "none"), "/", [b"x"], 1)


def get(engine, timeout=10):
    return archives.unix_get(engine.socket, "/archive?path=%2F", timeout)


def test_an_archive_comes_as_it_was_sent(engine, content):
    part, engine.sent = content
    answer = get(engine)
    assert answer.status == 200
    assert b"".join(answer) == engine.sent
    answer.close()
    assert len(part) == len(engine.sent)


def test_an_archive_that_breaks_off_is_a_lost_connection(engine):
    engine.sent, engine.breaks_off = b"x" * MB, True
    answer = get(engine)
    with pytest.raises(OSError, match="not HTTP"):
        list(answer)
    answer.close()


def test_what_the_engine_says_in_place_of_an_archive(engine):
    engine.refuse = True
    answer = get(engine)
    assert (answer.status, answer.message) == (404, "no such folder")
    answer.close()
