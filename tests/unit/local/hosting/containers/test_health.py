"""Containers that serve, pinged again and again."""

import threading
from types import SimpleNamespace

import pytest

from harness.local.hosting.containers import health

WAIT = 30


class Instance:
    """A container that answers pings as `healthy` says, and ends after so many."""

    def __init__(self, *, healthy, requests=0, last=5, stopped, is_debugged=False):
        self.healthy, self.requests, self.last = healthy, requests, last
        self.is_debugged = is_debugged
        self.pings = self.rests = 0
        self.ended = False
        self.stopped = stopped
        self.container = SimpleNamespace(exited=threading.Event(), name="container")
        self.connections = SimpleNamespace(rest=self.rest)

    def rest(self):
        self.rests += 1

    def ping(self):
        self.pings += 1
        if self.pings >= self.last:
            self.stopped.set()
        return self.healthy if isinstance(self.healthy, bool) else self.healthy(self.pings)

    def stop(self, grace):
        assert grace == 0
        self.ended = True
        self.container.exited.set()
        self.stopped.set()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(health, "INTERVAL", 0.001)
    monkeypatch.setattr(health, "AGAIN", 0.001)


def watch(instance, flaps=bool):
    watching = threading.Thread(
        target=health.watch, args=("e", lambda: [instance], flaps, instance.stopped), daemon=True
    )
    watching.start()
    watching.join(WAIT)
    assert not watching.is_alive()


def test_one_that_answers_stays():
    instance = Instance(healthy=True, stopped=threading.Event())
    watch(instance)
    assert instance.pings == 5
    assert not instance.ended
    assert instance.rests == 0


def test_one_that_does_not_answer_ends_after_three_pings(caplog):
    instance = Instance(healthy=False, last=100, stopped=threading.Event())
    watch(instance)
    assert instance.ended
    assert instance.pings == health.FAILURES
    assert "container of endpoint e is unhealthy" in caplog.text


def test_one_that_is_debugged_may_stand_still():
    instance = Instance(healthy=False, stopped=threading.Event(), is_debugged=True)
    asked = []

    def flaps():
        asked.append(True)
        if len(asked) > health.FAILURES:
            instance.stopped.set()
        return False

    watch(instance, flaps)
    assert not instance.ended
    assert instance.pings == 0


def test_connections_that_we_hold_are_let_go_before_it_is_pinged_again():
    instance = Instance(healthy=False, last=100, stopped=threading.Event())
    watch(instance)
    assert instance.rests == health.FAILURES


def test_only_failures_in_a_row_count():
    instance = Instance(healthy=lambda n: n % 3 == 0, last=10, stopped=threading.Event())
    watch(instance)
    assert not instance.ended


def test_one_that_is_busy_is_not_pinged():
    stopped = threading.Event()
    instance = Instance(healthy=False, requests=1, stopped=stopped)
    looks = iter([False] * 10)

    def flaps():
        if next(looks, None) is None:
            stopped.set()
        return False

    watch(instance, flaps)
    assert instance.pings == 0
    assert not instance.ended


def test_a_fault_on_demand_lets_pings_fail():
    instance = Instance(healthy=True, last=100, stopped=threading.Event())
    watch(instance, lambda: True)
    assert instance.ended
    assert instance.pings == 0
