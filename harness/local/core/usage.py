"""What containers use of processors and memory: the instance metrics in CloudWatch.

"Amazon SageMaker AI metrics in Amazon CloudWatch", jobs and endpoints, in the developer guide:
processors are in percent of one, so up to 400 of four; memory is in percent of what the instance
has.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import EngineError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.engine.container import Container
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

Point = dict[str, Any]
"""A `MetricDatum`."""


class Meter:
    """Of one container, whose metrics have these dimensions in CloudWatch."""

    def __init__(self, container: Container, dimensions: Mapping[str, str]) -> None:
        self._container = container
        self._dimensions = [
            {"Name": name, "Value": value} for name, value in dimensions.items()
        ]  # fmt: skip
        self._spent: tuple[float, float] | None = None
        """Seconds of processor time at the last look, and when that was."""

    def look(self) -> Iterator[Point]:
        """Its metrics of now: of its processors, on the average since the last look."""
        try:
            found = self._container.usage()
        except EngineError as error:  # or it has ended meanwhile
            _log.debug("%s: %s", self._container.name, error)
            return
        at = time.monotonic()
        seconds = found.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0) / 1e9
        before, self._spent = self._spent, (seconds, at)
        if before is not None and seconds >= before[0]:
            yield self._point("CPUUtilization", 100 * (seconds - before[0]) / (at - before[1]))
        if (share := memory_share(found.get("memory_stats", {}))) is not None:
            yield self._point("MemoryUtilization", 100 * share)

    def _point(self, name: str, value: float) -> Point:
        return {
            "MetricName": name,
            "Dimensions": self._dimensions,
            "Timestamp": datetime.now(UTC),
            "Value": value,
            "Unit": "Percent",
        }


def measure(
    meters: Callable[[], Iterable[Meter]],
    pause: Callable[[float], float],
    put: Callable[[list[Point]], None],
    ended: threading.Event,
    *,
    batch: float = 0.0,
) -> None:
    """Look at containers again and again until it has ended.

    Args:
        meters: those of the containers of the moment.
        pause: seconds until the next look, after so many since the first.
        put: gets what was found, and what is left of that in the end.
        ended: set when there is nothing more to look at.
        batch: seconds between two calls of `put`, at least.
    """
    points: list[Point] = []
    begun = sent = time.monotonic()
    while not ended.wait(pause(time.monotonic() - begun)):
        for meter in meters():
            points += meter.look()
        if points and time.monotonic() - sent >= batch:
            put(points)
            points, sent = [], time.monotonic()
    if points:
        put(points)


def put(backend: Backend, context: RequestContext, namespace: str, points: list[Point]) -> None:
    """Put metrics into CloudWatch; those that it doesn't take are lost."""
    cloudwatch = backend.cloudwatch(context.region, context.account_id)
    try:
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=points)
    except (ClientError, BotoCoreError) as error:
        _log.info("%s: lost %d metrics: %s", namespace, len(points), error)


def memory_share(stats: Mapping[str, Any]) -> float | None:
    """Of the memory that a container may have, the part that it uses; None if that isn't known.

    Without what the kernel keeps of files and can drop at once, as `docker stats` counts.
    """
    usage, limit = stats.get("usage"), stats.get("limit")
    if not usage or not limit:
        return None
    details = stats.get("stats", {})
    files = details.get("inactive_file", details.get("total_inactive_file", 0))
    return float(max(0, usage - files) / limit)
