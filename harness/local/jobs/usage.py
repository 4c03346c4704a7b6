"""What a job's containers use of processors and memory: the instance metrics in CloudWatch.

"Amazon SageMaker AI metrics in Amazon CloudWatch", jobs and endpoints, in the developer guide:
the namespace is the name of the log group, the dimension `Host` is `job/algo-1`. Processors are in
percent of one, so up to 400 of four; memory is in percent of what the instance has.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.local.engine.container import Container
    from harness.local.jobs.job import Job

_log = logging.getLogger(__name__)

FIRST_SECONDS = 0.5
"""After which it is first looked at, so that short jobs have something, too."""

SHARE = 200
"""Of the time that a job has run, one in so many passes between two looks; at least a second."""

SEND_SECONDS = 3.0
"""Between two batches that CloudWatch gets."""


class Usage:
    """Of one job, whose hosts have these names."""

    def __init__(self, job: Job, namespace: str, hosts: Sequence[str]) -> None:
        self._job = job
        self._namespace = namespace
        self._hosts = hosts
        self._spent: dict[str, tuple[float, float]] = {}
        """Seconds of processor time, and when that was, by host."""
        self._points: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def measured(self, containers: Sequence[Container]) -> Iterator[None]:
        """While it is in this block."""
        ended = threading.Event()
        pairs = list(zip(self._hosts, containers, strict=True))
        self._spent.clear()

        def measure() -> None:
            begun = sent = time.monotonic()
            pause = FIRST_SECONDS
            while not ended.wait(pause):
                for host, container in pairs:
                    self._look(host, container.usage)
                now = time.monotonic()
                pause = max(1.0 if now - begun > 1 else FIRST_SECONDS, (now - begun) / SHARE)
                if now - sent > SEND_SECONDS:
                    sent = now
                    self._send()
            self._send()

        self._job.backend.spawn(measure, f"usage of {self._job.name}")
        try:
            yield
        finally:
            ended.set()

    def _look(self, host: str, usage: Callable[[], Mapping[str, Any]]) -> None:
        try:
            found = usage()
        except EngineError as error:  # or it has ended meanwhile
            _log.debug("%s: %s", self._job.name, error)
            return
        at = time.monotonic()
        seconds = found.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0) / 1e9
        before = self._spent.get(host)
        self._spent[host] = seconds, at
        if before is not None and seconds >= before[0]:
            self._add(host, "CPUUtilization", 100 * (seconds - before[0]) / (at - before[1]))
        if (share := memory_share(found.get("memory_stats", {}))) is not None:
            self._add(host, "MemoryUtilization", 100 * share)

    def _add(self, host: str, name: str, value: float) -> None:
        self._points.append({
            "MetricName": name,
            "Dimensions": [{"Name": "Host", "Value": f"{self._job.name}/{host}"}],
            "Timestamp": datetime.now(UTC),
            "Value": value,
            "Unit": "Percent",
        })  # fmt: skip

    def _send(self) -> None:
        points, self._points = self._points, []
        context = self._job.context
        try:
            if points:
                self._job.backend.cloudwatch(context.region, context.account_id).put_metric_data(
                    Namespace=self._namespace, MetricData=points
                )
        except (ClientError, BotoCoreError) as error:
            _log.info("%s: lost %d metrics: %s", self._job.name, len(points), error)


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
