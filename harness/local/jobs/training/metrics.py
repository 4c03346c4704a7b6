"""`MetricDefinitions`: values found in a job's log, kept for its description and CloudWatch."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.limits import expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_log = logging.getLogger(__name__)

METRIC_TIMEOUT = 1.0
"""Seconds that a metric's regular expression has for a line; one that needs more is given up."""

BUDGET = 5.0
"""Seconds of processor time that all metrics of a job have beyond `BUDGET_A_LINE` for each line."""

BUDGET_A_LINE = 0.0005
"""Seconds of processor time; 40 ordinary expressions take less for an ordinary line."""

NAMESPACE = "/aws/sagemaker/TrainingJobs"

BATCH = 1000
"""Values that PutMetricData takes at once."""

KEPT = 100_000
"""Values that wait to be sent; older ones are dropped beyond it."""


def _unheard(_name: str, _value: float) -> None:
    """Nobody asks."""


class Metrics:
    """The metrics of one training job. `cloudwatch` makes the client that they are sent with.

    `on_value` is called with the name and the value of each that is found.
    """

    def __init__(
        self,
        job: str,
        definitions: Iterable[Mapping[str, str]],
        cloudwatch: Callable[[], Any],
        on_value: Callable[[str, float], None] = _unheard,
    ) -> None:
        self._job = job
        self._cloudwatch = cloudwatch
        self._on_value = on_value
        self._patterns = {each["Name"]: expressions.compile(each["Regex"]) for each in definitions}
        self._lock = threading.Lock()
        self._left = BUDGET
        self._spent: Counter[str] = Counter()
        self._final: dict[str, dict[str, Any]] = {}
        self._points: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def read(self, line: str) -> None:
        """Find values in a line of the log: what a definition's first group matches."""
        if not self._patterns:
            return
        for name, pattern in list(self._patterns.items()):
            begun = time.thread_time()
            try:
                # Concurrent: other threads run meanwhile, so that no expression stops the server.
                match = pattern.search(line, timeout=METRIC_TIMEOUT, concurrent=True)
                value = float(match.group(1)) if match else math.nan
            except TimeoutError:
                self._give_up(name, f"took longer than {METRIC_TIMEOUT} s for a line")
                continue
            except MemoryError:
                self._give_up(name, "took all memory for a line")
                continue
            except (IndexError, TypeError, ValueError):  # no group, or none that is a number
                value = math.nan
            self._count(name, time.thread_time() - begun)
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
            self._on_value(name, value)
        with self._lock:
            self._left = min(BUDGET, self._left + BUDGET_A_LINE)
            worst = max(self._spent, key=self._spent.__getitem__) if self._left < 0 else None
            if worst is not None:
                del self._spent[worst]
                self._left = BUDGET
        if worst is not None:
            self._give_up(worst, f"took {BUDGET} s more than ordinary ones")

    def _count(self, name: str, seconds: float) -> None:
        with self._lock:
            self._left -= seconds
            self._spent[name] += seconds  # type: ignore[assignment]  # the stubs count in whole

    def _give_up(self, name: str, why: str) -> None:
        if self._patterns.pop(name, None) is not None:
            _log.warning(
                "training job %s: metric %s is given up, since its regular expression %s",
                self._job, name, why,
            )  # fmt: skip

    def close(self) -> None:
        """Read no more lines: the expressions aren't kept for as long as the job is."""
        self._patterns.clear()

    def final(self) -> list[dict[str, Any]]:
        """`FinalMetricDataList`: the last value of each."""
        with self._lock:
            return [dict(metric) for metric in self._final.values()]

    def restore(self, final: Iterable[Mapping[str, Any]]) -> None:
        """Have these as the last values, which another one had when it was saved."""
        with self._lock:
            self._final = {metric["MetricName"]: dict(metric) for metric in final}

    def send(self) -> None:
        """Send the values found since the last time to CloudWatch."""
        while self._points:
            batch = [self._points.popleft() for _ in range(min(len(self._points), BATCH))]
            try:
                self._cloudwatch().put_metric_data(Namespace=NAMESPACE, MetricData=batch)
            except (ClientError, BotoCoreError) as error:
                _log.warning("training job %s: lost %d metrics: %s", self._job, len(batch), error)
