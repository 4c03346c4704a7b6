"""The metrics of trial components: what SDKs put, and what is found in the logs of jobs.

SageMaker Metrics is a service of its own, with two operations.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_METRICS = 300
"""Names of metrics that a component can have."""

MAX_POINTS = 10_000
"""Values of a metric that BatchGetMetrics looks at: the newest. The statistics are of all."""


class Point(NamedTuple):
    """A value of a metric."""

    time: float
    """Seconds since the epoch."""
    step: int | None
    value: float


class Series:
    """One metric of a component."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.points: deque[Point] = deque(maxlen=MAX_POINTS)
        self.count = 0
        self.smallest, self.largest = math.inf, -math.inf
        self.last = Point(-math.inf, None, math.nan)
        self._mean = self._squares = 0.0

    def add(self, point: Point) -> None:
        self.points.append(point)
        self.count += 1
        self.smallest = min(self.smallest, point.value)
        self.largest = max(self.largest, point.value)
        if point.time >= self.last.time:
            self.last = point
        # Welford's algorithm, which loses no digits to large means.
        step = point.value - self._mean
        if math.isfinite(step):
            self._mean += step / self.count
        else:
            self._mean += point.value / self.count - self._mean / self.count
        self._squares += step * (point.value - self._mean)

    def summary(self) -> dict[str, Any]:
        """`TrialComponentMetricSummary`; without a deviation that is beyond what a double holds."""
        deviation = math.sqrt(max(0.0, self._squares) / self.count)
        return {
            "MetricName": self.name,
            "SourceArn": self.source,
            "TimeStamp": datetime.fromtimestamp(self.last.time, UTC),
            "Max": self.largest,
            "Min": self.smallest,
            "Last": self.last.value,
            "Count": self.count,
            "Avg": self._mean,
            "StdDev": deviation if math.isfinite(deviation) else None,
        }

    def saved(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": self.source,
            "points": list(self.points),
            "numbers": [self.count, self.smallest, self.largest, self._mean, self._squares],
            "last": self.last,
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Series:
        series = cls(saved["name"], saved["source"])
        series.points.extend(Point(*each) for each in saved["points"])
        series.count, series.smallest, series.largest, *rest = saved["numbers"]
        series._mean, series._squares = rest
        series.last = Point(*saved["last"])
        return series


class Metrics:
    """Those of one component. `add` may be called in any thread."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._lock = threading.Lock()

    def add(self, name: str, point: Point, source: str) -> bool:
        """Keep a value; False if the component has too many metrics for another one."""
        with self._lock:
            if name not in self._series:
                if len(self._series) >= MAX_METRICS:
                    return False
                self._series[name] = Series(name, source)
            self._series[name].add(point)
            return True

    def summaries(self) -> list[dict[str, Any]]:
        with self._lock:
            return [each.summary() for each in self._series.values()]

    def points(self, name: str) -> list[Point] | None:
        """The newest values of a metric, in the order in which they came; None if it has none."""
        with self._lock:
            found = self._series.get(name)
            return list(found.points) if found else None

    def saved(self) -> list[dict[str, Any]]:
        with self._lock:
            return [each.saved() for each in self._series.values()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        self._series = {each["name"]: Series.restored(each) for each in saved}


PERIODS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
"""Seconds."""

BEFORE, AFTER = timedelta(days=14), timedelta(hours=2)
"""How far from now the time of a value may be, which is put (SageMaker's SDK checks the same)."""


def is_timely(at: datetime) -> bool:
    now = datetime.now(UTC)
    return now - BEFORE <= at <= now + AFTER


def grouped(points: list[Point], query: Mapping[str, Any]) -> tuple[list[int], list[float]]:
    """The places on the x axis that a `MetricQuery` asks for, in order, and the statistic at each.

    They are steps, or the seconds since the epoch at which periods begin.
    """
    groups: dict[int, list[float]] = {}
    for point in points:
        if query["XAxisType"] == "IterationNumber":
            place = point.step
        else:
            period = PERIODS[query["Period"]]
            place = int(point.time // period) * period
        if place is None or place < query.get("Start", place) or place > query.get("End", place):
            continue
        groups.setdefault(place, []).append(point.value)
    places = sorted(groups)
    return places, [_statistic(query["MetricStat"], groups[each]) for each in places]


def _statistic(name: str, values: list[float]) -> float:
    match name:
        case "Min":
            return min(values)
        case "Max":
            return max(values)
        case "Count":
            return float(len(values))
        case "StdDev":
            return _scaled(values, _deviation)
        case "Last":
            return values[-1]
    return _scaled(values, _mean)


def _scaled(values: list[float], statistic: Callable[[list[float]], float]) -> float:
    """The statistic, without sums or squares that a double can't hold."""
    exponent = max(math.frexp(each)[1] for each in values)
    return math.ldexp(statistic([math.ldexp(each, -exponent) for each in values]), exponent)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _deviation(values: list[float]) -> float:
    mean = _mean(values)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in values) / len(values))
