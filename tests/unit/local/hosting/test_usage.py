"""How often an endpoint's containers are measured, and which."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from harness.local.hosting import usage


class Container:
    def __init__(self) -> None:
        self.name = "container"
        self.exited = threading.Event()
        self.looks = 0

    def usage(self) -> dict[str, Any]:
        self.looks += 1
        spent = {"total_usage": self.looks * 1e9}
        return {"cpu_stats": {"cpu_usage": spent}, "memory_stats": {"usage": 1, "limit": 2}}


class Stopped:
    """An event that is set after so many waits, and says how long those were to be."""

    def __init__(self, count: int, clock: list[float]) -> None:
        self._count, self._clock = count, clock
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self._clock[0] += seconds
        return len(self.waits) > self._count


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("harness.local.core.usage.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[dict[str, Any]]]]:
    """What CloudWatch got: the namespace, and the metrics."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    monkeypatch.setattr(
        usage, "put", lambda _backend, _context, name, points: found.append((name, points))
    )
    return found


def watch(containers: Any, frequency: float, stopped: Any) -> None:
    nothing: Any = None
    usage.watch(nothing, nothing, "e", containers, lambda: frequency, stopped)


def test_a_new_endpoint_is_looked_at_soon_and_later_as_often_as_it_says(
    clock: list[float], put: list[Any]
) -> None:
    one: Any = Container()
    stopped = Stopped(9, clock)
    watch(lambda: [("v", one)], 60, stopped)
    assert stopped.waits == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert one.looks == len(put) == 9
    stopped = Stopped(6, clock)
    watch(lambda: [("v", one)], 10, stopped)
    assert stopped.waits == [1, 1, 2, 4, 8, 10, 10]


def test_those_of_the_moment_are_measured_each_since_its_own_last_look(
    clock: list[float], put: list[Any]
) -> None:
    old, new, ended = Container(), Container(), Container()
    ended.exited.set()
    moments: Any = iter([[("a", old), ("c", ended)], [("a", old), ("b", new)], [("b", new)]])
    watch(lambda: next(moments), 60, Stopped(3, clock))
    found = [
        [(each["MetricName"], each["Dimensions"][1]["Value"]) for each in points]
        for _, points in put
    ]
    assert found == [
        [("MemoryUtilization", "a")],
        [("CPUUtilization", "a"), ("MemoryUtilization", "a"), ("MemoryUtilization", "b")],
        [("CPUUtilization", "b"), ("MemoryUtilization", "b")],
    ]
    assert {name for name, _ in put} == {"/aws/sagemaker/Endpoints"}
    assert ended.looks == 0
