"""Containers that are looked at now and then, and what CloudWatch gets of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from harness.errors import EngineError
from harness.local.core.usage import Meter, measure


class Container:
    """Has spent so many seconds at each look; None is a look at one that is gone."""

    name = "container"

    def __init__(self, *spent: float | None) -> None:
        self._spent = iter(spent)

    def usage(self) -> dict[str, Any]:
        spent = next(self._spent)
        if spent is None:
            raise EngineError("no such container")
        return {
            "cpu_stats": {"cpu_usage": {"total_usage": spent * 1e9}},
            "memory_stats": {"usage": 30, "limit": 100},
        }


def meter(*spent: float | None) -> Meter:
    container: Any = Container(*spent)
    return Meter(container, {"EndpointName": "e", "VariantName": "v"})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds pass between two looks."""
    times = iter(range(100, 200, 2))
    monkeypatch.setattr("harness.local.core.usage.time.monotonic", lambda: float(next(times)))


@pytest.mark.usefixtures("clock")
def test_processors_are_in_percent_of_one_since_the_last_look() -> None:
    one = meter(1.0, 4.0)
    assert [each["MetricName"] for each in one.look()] == ["MemoryUtilization"]
    cpu, memory = one.look()
    assert (cpu["MetricName"], cpu["Value"]) == ("CPUUtilization", 150.0)
    assert (memory["MetricName"], memory["Value"]) == ("MemoryUtilization", 30.0)
    assert cpu["Dimensions"] == [
        {"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}
    ]  # fmt: skip


@pytest.mark.usefixtures("clock")
def test_one_that_is_gone_says_nothing() -> None:
    assert list(meter(None).look()) == []


def run(looks: int, *, batch: float) -> tuple[list[int], list[float]]:
    """How many points each call of `put` got, and the ages by which was asked how long to wait."""
    ended, ages, put = threading.Event(), [], []
    one = meter(*[1.0] * looks)

    def pause(age: float) -> float:
        ages.append(age)
        if len(ages) > looks:
            ended.set()
        return 0.0

    measure(lambda: [one], pause, lambda points: put.append(len(points)), ended, batch=batch)
    return put, ages


def test_what_was_found_is_put_at_once_or_in_batches_with_the_rest_in_the_end() -> None:
    put, ages = run(3, batch=0.0)
    assert put == [1, 2, 2]
    assert ages == sorted(ages)
    put, _ = run(3, batch=60.0)
    assert put == [5]
