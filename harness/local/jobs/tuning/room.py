"""Room for training jobs: no more of tuning jobs run at once than the machine has means for."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from harness.aws_model.instance_types import GIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.local.jobs.job import Job

_log = logging.getLogger(__name__)

HOST_MEMORY = GIB
"""Bytes that a host counts for, beside one processor. What it will really take nobody knows."""

RECHECK = 5.0
"""Seconds after which a job that waits looks again; it is told when another one ends."""


class Room:
    """Of one local AWS. `limits` answers the engine's processors, and its memory in bytes."""

    def __init__(self, limits: Callable[[], tuple[int, int]]) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._running: dict[Job, int] = {}
        self._waiting: list[Job] = []

    @contextlib.contextmanager
    def place(self, job: Job, hosts: int, on_wait: Callable[[str], None]) -> Iterator[None]:
        """A place for a job of so many hosts; those that wait get theirs in turn.

        A job larger than the machine runs alone. `on_wait` is told once why it waits. Raises
        `JobStoppedError` if the job is to be stopped meanwhile.
        """
        with self._lock:
            self._waiting.append(job)
        try:
            self._wait(job, hosts, on_wait)
            yield
        finally:
            with self._lock:
                self._running.pop(job, None)
                if job in self._waiting:
                    self._waiting.remove(job)
                others = list(self._waiting)
            for each in others:
                each.wake.set()

    def _wait(self, job: Job, hosts: int, on_wait: Callable[[str], None]) -> None:
        said = False
        while True:
            job.wake.clear()
            job.check_stopped()
            processors, memory = self._limits()
            with self._lock:
                taken = sum(self._running.values())
                fits = min(processors, memory // HOST_MEMORY) >= taken + hosts or not self._running
                if fits and self._waiting[0] is job:
                    self._running[job] = hosts
                    self._waiting.remove(job)
                    others = list(self._waiting)
                    break
                running = len(self._running)
            if not said and not fits:
                text = (
                    f"Waiting until one of the {running} training jobs of tuning jobs that run "
                    f"has ended: this machine has {processors} processors and "
                    f"{memory / GIB:.0f} GiB of memory"
                )
                _log.info("%s: %s", job.name, text)
                on_wait(text)
                said = True
            job.wake.wait(RECHECK)
        for each in others:  # there may be room for the next one, too; the rest say why they wait
            each.wake.set()
