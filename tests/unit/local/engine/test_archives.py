"""Archives of a container whose engine, as 20.10 does, has no time for it while one streams."""

import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
from docker import APIClient

from harness.errors import EngineError
from harness.local.engine import errors
from harness.local.engine.archives import Archives
from harness.local.engine.errors import ArchiveError, MissingFolderError

LIMIT = 0.2
PIECES = 8
PAUSE = LIMIT / 5
MB = 1 << 20


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    seen: SimpleNamespace

    def handle_error(self, *_):
        """Clients hang up."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        seen = self.server.seen
        with seen.lock:
            if "/archive" not in self.path:
                return self.answer(200, b"{}")
            if "missing" in self.path:
                return self.answer(404, b'{"message": "no such file"}')
            seen.streams += 1
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for _ in range(PIECES):
                    seen.pause.wait(seen.silence)
                    self.chunk(bytes(MB))
                self.chunk(b"")
            except OSError:
                seen.hung_up.set()
                self.close_connection = True
        return None

    def do_PUT(self):
        with self.server.seen.lock:
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            self.answer(*self.server.seen.put)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "TIMEOUT", LIMIT)
    seen = SimpleNamespace(
        lock=threading.Lock(), pause=threading.Event(), hung_up=threading.Event(),
        silence=PAUSE, streams=0, put=(200, b""),
    )  # fmt: skip
    with Server(str(tmp_path / "s"), Handler) as server:
        server.seen = seen
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        seen.api = APIClient(f"http+unix://{tmp_path}/s", version="1.41", timeout=1)
        yield seen
        seen.pause.set()
        server.shutdown()
        thread.join()
        seen.api.close()


@pytest.fixture
def archives(engine):
    return Archives(engine.api, "abc")


def read(archive):
    return sum(map(len, archive))


def test_archives_of_several_folders_wait_for_each_other_without_a_limit(engine, archives):
    """Both at once, as a job's model and its data: each takes twice as long as silence may."""
    with ThreadPoolExecutor() as threads:
        sizes = threads.map(lambda path: read(archives.get(path)), ["/model", "/data"])
        assert list(sizes) == [PIECES * MB] * 2


def test_whoever_asks_about_the_container_waits_for_its_archive(engine, archives):
    archive = archives.get("/model")
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(read, archive)
        with archives.alone():
            engine.api.inspect_container("abc")
        assert reading.result() == PIECES * MB


def test_silence_for_too_long_is_a_lost_engine(engine, archives):
    engine.silence = 10 * LIMIT
    with pytest.raises(EngineError, match="doesn't answer"):
        read(archives.get("/model"))
    assert archives._turn.acquire(timeout=LIMIT)


def test_one_that_is_closed_early_makes_room_for_the_next(engine, archives):
    archive = archives.get("/model")
    next(archive)
    archive.close()
    archive.close()
    assert engine.hung_up.wait(10)
    assert read(archives.get("/data")) == PIECES * MB
    with pytest.raises(EngineError, match="being removed"):
        next(archive)


def test_one_that_is_forgotten_makes_room_for_the_next(engine, archives):
    next(archives.get("/model"))
    assert read(archives.get("/data")) == PIECES * MB


def test_the_end_of_one_is_its_end_however_often_it_is_asked_for(engine, archives):
    archive = archives.get("/whole")
    assert sum(map(len, archive)) == PIECES * MB
    assert next(archive, None) is None


def test_what_is_not_there_is_none(engine, archives):
    assert archives.get("/missing") is None
    assert archives.get("/missing") is None


def test_a_put_waits_for_its_turn(engine, archives):
    archive = archives.get("/model")
    with ThreadPoolExecutor() as threads:
        putting = threads.submit(archives.put, "/", [b"x"] * 3)
        assert read(archive) == PIECES * MB
        putting.result()


def test_what_the_engine_says_of_a_put(engine, archives):
    engine.put = 404, b'{"message": "no such folder"}'
    with pytest.raises(MissingFolderError, match="no such folder"):
        archives.put("/", [b"x"])
    engine.put = 500, b'{"message": "no space left on device"}'
    with pytest.raises(ArchiveError, match="no space left on device"):
        archives.put("/", [b"x"])


def test_the_end_breaks_off_what_streams_and_lets_nothing_begin(engine, archives):
    """Also where the one who reads has stopped in the middle, and is who ends it."""
    archive = archives.get("/model")
    next(archive)
    archives.end()
    with archives.alone():
        pass
    assert engine.hung_up.wait(10)
    for refused in (lambda: next(archive), lambda: archives.get("/data")):
        with pytest.raises(EngineError, match="being removed"):
            refused()


def test_the_end_breaks_off_a_put(engine, archives):
    def pieces():
        yield b"x"
        archives.end()
        while True:
            yield b"x"

    with pytest.raises(EngineError, match="being removed"):
        archives.put("/", pieces())
