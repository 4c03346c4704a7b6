"""What a job's containers use, in CloudWatch: the namespace is the name of its log group, the
dimension `Host` is `job/algo-1`.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING

from harness.local.core.usage import Meter, measure, put

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.engine.container import Container
    from harness.local.jobs.job import Job

FIRST_SECONDS = 0.5
"""After which it is first looked at, so that short jobs have something, too."""

SHARE = 200
"""Of the time that a job has run, one in so many passes between two looks; at least a second."""

SEND_SECONDS = 3.0
"""Between two batches that CloudWatch gets."""


@contextlib.contextmanager
def measured(job: Job, namespace: str, containers: Mapping[str, Container]) -> Iterator[None]:
    """While it is in this block, of a job whose hosts have these names."""
    ended = threading.Event()
    meters = [Meter(each, {"Host": f"{job.name}/{host}"}) for host, each in containers.items()]

    def run() -> None:
        send = partial(put, job.backend, job.context, namespace)
        measure(lambda: meters, _pause, send, ended, batch=SEND_SECONDS)

    job.backend.spawn(run, f"usage of {job.name}")
    try:
        yield
    finally:
        ended.set()


def _pause(age: float) -> float:
    return max(1.0 if age > 1 else FIRST_SECONDS, age / SHARE)
