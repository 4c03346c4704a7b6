"""A container that starts: how often it is pinged, and what its sockets tell."""

import itertools
import threading
import time
from typing import Any

import pytest

from harness.local.engine import startup
from harness.local.engine.inspection import Listener
from harness.local.engine.startup import Pauses, Sockets, elsewhere, wait_healthy


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def pings(seconds, answers_from=None):
    """When a container is pinged in these seconds; it answers from then on, never with 200."""
    clock = Clock()
    pauses, times = Pauses(clock), []
    while (at := clock.now - 100) <= seconds:
        times.append(at)
        clock.now += pauses.next(answered=answers_from is not None and at >= answers_from)
    return times


def test_pings_of_what_answers_become_few():
    assert len(pings(480, answers_from=0)) < 130
    assert len(pings(10, answers_from=0)) < 30
    times = pings(480, answers_from=0)
    assert max(b - a for a, b in itertools.pairwise(times)) <= 5


def test_what_is_healthy_soon_is_found_soon():
    for ready in (0.5, 2.0, 8.0):
        silent = next(at for at in pings(60) if at >= ready)
        assert silent - ready <= max(0.02, 0.06 * ready)
        answering = next(at for at in pings(60, answers_from=0) if at >= ready)
        assert answering - ready <= 0.26 * ready


def at(*addresses):
    return [Listener(host, port) for host, port in addresses]


@pytest.mark.parametrize(
    ("listeners", "refused", "hint"),
    [
        ([], True, ""),
        (at(("0.0.0.0", 8080)), True, ""),
        (at(("127.0.0.1", 8000), ("0.0.0.0", 8080)), True, ""),
        (at(("::", 8080)), False, ""),
        (
            at(("0.0.0.0", 5000), ("127.0.0.1", 5001)),
            True,
            (
                "it listens on 0.0.0.0:5000 and 127.0.0.1:5001, and not on port 8080: bind to "
                "0.0.0.0:8080"
            ),
        ),
        (
            at(("127.0.0.1", 8080), ("::1", 8080), ("0.0.0.0", 9000)),
            True,
            (
                "it listens on 127.0.0.1:8080 and [::1]:8080, where only programs in the container "
                "reach it: bind to 0.0.0.0:8080"
            ),
        ),
        (at(("::", 8080)), True, "it listens on [::]:8080, by IPv6 only: bind to 0.0.0.0:8080"),
    ],
)
def test_where_it_listens_is_told(listeners, refused, hint):
    assert elsewhere(listeners, refused=refused) == hint


class Container:
    def __init__(self):
        self.exited = threading.Event()


class Silent:
    status: int | None = None
    refused = True

    def ping(self):
        return False


@pytest.fixture
def wait(monkeypatch):
    """Waits for a container whose sockets are these, for a second; returns what was told, when."""
    monkeypatch.setattr(startup, "LOOK_INTERVAL", 0.1)
    monkeypatch.setattr(startup, "ELSEWHERE", 0.3)

    def wait(look):
        told: list[tuple[float, str]] = []
        container: Any = Container()
        begun = time.monotonic()
        sockets = Sockets(
            container, lambda text: told.append((time.monotonic() - begun, text)), look
        )
        assert not wait_healthy(container, Silent(), sockets, begun + 1, abandoned=bool, flaps=bool)
        return told, sockets.hint

    return wait


def test_a_place_that_stays_wrong_is_told_once_and_soon(wait):
    told, hint = wait(lambda container: at(("127.0.0.1", 8080)))
    ((when, text),) = told
    assert text == hint
    assert hint.startswith("it listens on 127.0.0.1:8080")
    assert 0.3 <= when < 0.9


def test_a_place_that_is_wrong_for_a_moment_is_not_told(wait):
    looks = iter([at(("0.0.0.0", 5000)), at(("0.0.0.0", 5000))])
    assert wait(lambda container: next(looks, at(("0.0.0.0", 8080)))) == ([], "")


def test_sockets_that_cant_be_seen_tell_nothing(wait):
    assert wait(lambda container: None) == ([], "")
