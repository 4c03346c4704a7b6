"""Which thread answers: one for all while requests are short, each its own when they are not."""

import threading
import time

import pytest

from serving import relay
from serving.relay import Relay

LIMIT = 30  # seconds that anything may take


class Server:
    """A relay whose requests begin, and end when they are told to; one thread for each."""

    def __init__(self):
        self.relay = Relay(self.answer)
        self.answered_by = {}  # the name of a request to that of its own thread's
        self.statuses = {}
        self.environs = {}
        self.threads = []
        self.begun = {}
        self.may_end = {}

    def answer(self, protocol, environ):
        name = environ["PATH_INFO"]
        self.begun[name].set()
        assert self.may_end[name].wait(LIMIT)
        self.answered_by[name] = threading.current_thread().name
        if name == "broken":
            raise SystemExit("no more")
        protocol.response_bytes(200, [], b"")

    def send(self, name, *, waits=False):
        """A request, from a thread of its own."""
        self.begun[name] = threading.Event()
        self.may_end[name] = threading.Event()
        if not waits:
            self.may_end[name].set()
        self.environs[name] = {"PATH_INFO": name}
        server = self

        class Protocol:
            def response_bytes(self, status, headers, body):
                server.statuses.setdefault(name, status)

        thread = threading.Thread(
            target=self.relay, args=(Protocol(), self.environs[name]), name=name
        )
        thread.start()
        self.threads.append(thread)
        return thread

    def hands_over(self, name):
        """A request that its thread doesn't answer itself."""
        before = len(self.relay._handed_over)
        self.send(name)
        end = threading.Event()
        for _ in range(LIMIT * 100):
            if len(self.relay._handed_over) > before:
                return
            end.wait(0.01)
        raise TimeoutError(name)

    def join(self):
        for thread in self.threads:
            thread.join(LIMIT)
            assert not thread.is_alive()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(relay, "SHORT", 60.0)
    monkeypatch.setattr(relay, "PATIENCE", 60.0)
    monkeypatch.setattr(relay, "IDLE", 0.0)
    real = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: real(0.01))
    server = Server()
    yield server
    for event in server.may_end.values():
        event.set()
    server.join()


def test_requests_that_come_meanwhile_are_answered_by_the_thread_at_work(server):
    server.send("first", waits=True)
    assert server.begun["first"].wait(LIMIT)
    server.hands_over("second")
    server.hands_over("third")
    assert not server.begun["second"].is_set()
    server.may_end["first"].set()
    server.join()  # those on stand-by are free again
    assert server.answered_by == dict.fromkeys(["first", "second", "third"], "first")
    assert server.statuses == dict.fromkeys(["first", "second", "third"], 200)


def test_one_after_the_other_each_answers_its_own(server):
    for name in ("first", "second"):
        server.send(name).join(LIMIT)
    assert server.answered_by == {"first": "first", "second": "second"}


def test_requests_dont_wait_for_one_that_takes_long(server, monkeypatch):
    server.send("stuck", waits=True)
    assert server.begun["stuck"].wait(LIMIT)
    names = ["second", "third"]
    for name in names:
        server.hands_over(name)
    monkeypatch.setattr(relay, "PATIENCE", 0.0)
    for name in names:
        assert server.begun[name].wait(LIMIT)
    for thread in server.threads[1:]:
        thread.join(LIMIT)
    server.send("fourth").join(LIMIT)
    assert server.threads[0].is_alive()
    assert sorted(server.answered_by) == ["fourth", "second", "third"]
    assert server.answered_by["fourth"] == "fourth"
    assert "stuck" not in server.answered_by.values()


def test_where_requests_are_not_short_on_average_each_thread_answers_its_own(server, monkeypatch):
    monkeypatch.setattr(relay, "SHORT", 0.0)
    server.send("first").join(LIMIT)
    server.send("second", waits=True)
    assert server.begun["second"].wait(LIMIT)
    server.send("third").join(LIMIT)
    assert server.answered_by == {"first": "first", "third": "third"}


def test_there_is_a_relay_again_after_a_rest(server, monkeypatch):
    monkeypatch.setattr(relay, "REST", 0.0)
    monkeypatch.setattr(relay, "SHORT", 0.0)
    server.send("first").join(LIMIT)
    server.send("second", waits=True)
    assert server.begun["second"].wait(LIMIT)
    server.hands_over("third")
    server.may_end["second"].set()
    server.join()
    assert server.answered_by["third"] == "second"


def test_what_one_raises_is_its_own_failure(server, caplog):
    server.send("first", waits=True)
    assert server.begun["first"].wait(LIMIT)
    server.hands_over("broken")
    server.hands_over("third")
    server.may_end["first"].set()
    server.join()
    assert server.statuses == {"first": 200, "broken": 500, "third": 200}
    assert "500 broken" in caplog.text
    assert "no more" in caplog.text


def test_nothing_of_a_request_is_kept(server):
    server.send("first").join(LIMIT)
    assert server.environs["first"] == {}
