"""`MetricDefinitions`: values found in a job's log, kept for its description and CloudWatch."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import regex
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = logging.getLogger(__name__)

METRIC_TIMEOUT = 1.0
"""Seconds that a metric's regular expression has for a line; one that needs more is given up."""

NAMESPACE = "/aws/sagemaker/TrainingJobs"

BATCH = 1000
"""Values that PutMetricData takes at once."""

KEPT = 100_000
"""Values that wait to be sent; older ones are dropped beyond it."""


class Metrics:
    """The metrics of one training job. `cloudwatch` makes the client that they are sent with."""

    def __init__(
        self, job: str, definitions: Iterable[Mapping[str, str]], cloudwatch: Callable[[], Any]
    ) -> None:
        self._job = job
        self._cloudwatch = cloudwatch
        self._patterns = {each["Name"]: regex.compile(each["Regex"]) for each in definitions}
        self._lock = threading.Lock()
        self._final: dict[str, dict[str, Any]] = {}
        self._points: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def read(self, line: str) -> None:
        """Find values in a line of the log: what a definition's first group matches."""
        for name, pattern in list(self._patterns.items()):
            try:
                # Concurrent: other threads run meanwhile, so that no expression stops the server.
                match = pattern.search(line, timeout=METRIC_TIMEOUT, concurrent=True)
                value = float(match.group(1)) if match else math.nan
            except TimeoutError:
                _log.warning(
                    "training job %s: metric %s is given up, since its regular expression took "
                    "longer than %s s for a line", self._job, name, METRIC_TIMEOUT,
                )  # fmt: skip
                self._patterns.pop(name, None)
                continue
            except (IndexError, TypeError, ValueError):  # no group, or none that is a number
                continue
            if not math.isfinite(value):
                continue
            now = datetime.now(UTC)
            with self._lock:
                self._final[name] = {"MetricName": name, "Value": value, "Timestamp": now}
            self._points.append({
                "MetricName": name,
                "Dimensions": [{"Name": "TrainingJobName", "Value": self._job}],
                "Timestamp": now,
                "Value": value,
            })  # fmt: skip

    def final(self) -> list[dict[str, Any]]:
        """`FinalMetricDataList`: the last value of each."""
        with self._lock:
            return [dict(metric) for metric in self._final.values()]

    def send(self) -> None:
        """Send the values found since the last time to CloudWatch."""
        while self._points:
            batch = [self._points.popleft() for _ in range(min(len(self._points), BATCH))]
            try:
                self._cloudwatch().put_metric_data(Namespace=NAMESPACE, MetricData=batch)
            except (ClientError, BotoCoreError) as error:
                _log.warning("training job %s: lost %d metrics: %s", self._job, len(batch), error)
