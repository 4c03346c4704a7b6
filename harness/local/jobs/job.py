"""A job: what training, processing and transform jobs share of their statuses and their end."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from harness.console import plain
from harness.errors import EngineError
from harness.limits import disk, memory
from harness.local.core.store import Resource
from harness.local.data import s3_objects
from harness.local.data.transfers import PASSING, Transfer
from harness.local.engine.errors import ImageError
from harness.local.experiments import following
from harness.local.faults import events
from harness.local.faults.faults import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.config.faults import Fault
    from harness.local.core.backend import Backend
    from harness.local.experiments.components import TrialComponent
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

FAILURE_REASON_LIMIT = 1024

NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a "
    "different ML instance type."
)
"""What AWS says, word for word, of a job that there are no instances for."""

NO_DATA = (
    "An error occurred (InternalError) when calling the GetObject operation (reached max retries: "
    "4): We encountered an internal error. Please try again."
)

CUT_OFF = (
    "InternalServerError: the local AWS ended while the job ran, and the job with it; create it "
    "again under another name."
)
"""What is said of a job that was in progress in a state that was saved."""

MEGABYTE = 1_000_000

_HARMLESS = {events.SLOW_DATA, events.PING}
"""Faults that no job fails by."""

PAUSE = 0.1
"""Seconds after which a job that waits looks whether it is to be stopped."""


class JobError(Exception):
    """Ends a job as Failed; the text becomes its failure reason."""


class JobStoppedError(Exception):
    """Ends a job as Stopped; `why` is `Stopped`, or `MaxRuntimeExceeded` and the like."""

    def __init__(self, why: str = "Stopped") -> None:
        super().__init__(why)
        self.why = why


class Job(Resource):
    """One job of a kind; `run` takes it to its end, in a thread of its own.

    A kind has a `noun`, and says in `_run` what the job does: the job is Completed when that
    returns, Stopped when it raises `JobStoppedError`, and Failed when it raises anything else.
    What else it keeps of a status goes into `_on_stopping` and `_on_end`, called with `lock` held.
    """

    noun: ClassVar[str]
    """`TrainingJob`: what the members of requests and descriptions begin with."""
    kind: ClassVar[str]
    """`training-job`: what ARNs call it."""
    saved_fields: ClassVar[tuple[str, ...]] = (
        "created",
        "modified",
        "started",
        "ended",
        "status",
        "failure_reason",
    )
    """What is kept of it beside its request when the local AWS is saved."""
    taken: ClassVar[str] = (
        "Job name must be unique within an AWS account and region, and a job with this name "
        "already exists"
    )
    """What is said of a name that a job has already."""

    def __init__(
        self, backend: Backend, context: RequestContext, request: Mapping[str, Any]
    ) -> None:
        self.backend = backend
        self.context = context
        self.request = request
        self.name = str(request[f"{self.noun}Name"])
        self.arn = context.arn(f"{self.kind}/{self.name}")
        self.created = datetime.now(UTC)
        self.modified = self.created
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.status = "InProgress"
        self.failure_reason: str | None = None
        self.lock = threading.Lock()
        self.wake = threading.Event()
        """Set when something has happened that the job's thread should look at."""
        self.stopping = False
        self.abandoned = False
        self._listeners: list[Callable[[], None]] = []
        self.component: TrialComponent | None = None
        """What experiments have of it; None of one that was saved."""
        self.blamed = False
        """Whether a fault on demand has happened to it."""

    def track(self) -> None:
        """Have a trial component, if the job is of a kind that has."""
        if self.noun in following.SUFFIXES:
            self.component = following.follow(
                self.backend.store, self.context, self.noun, self.arn, self.request
            )

    def stop(self) -> bool:
        """Ask the job to stop; False if it has ended already."""
        with self.lock:
            if self.status not in ("InProgress", "Stopping"):
                return False
            self.stopping = True
            if self.status == "InProgress":
                self.status = "Stopping"
                self.modified = datetime.now(UTC)
                self._on_stopping()
            self.wake.set()
            return True

    def abandon(self) -> None:
        """Forget the job: its local AWS is being shut down."""
        self.abandoned = True
        self.wake.set()

    def when_ended(self, call: Callable[[], None]) -> None:
        """Have this called, in any thread, once the job has ended; at once if it has."""
        with self.lock:
            if self.status in ("InProgress", "Stopping"):
                self._listeners.append(call)
                return
        call()

    def saved(self) -> dict[str, Any]:
        """What there is to be known of it; `restore` goes on from there."""
        with self.lock:
            return {
                "region": self.context.region,
                "request": self.request,
                "fields": {name: getattr(self, name) for name in self.saved_fields},
            }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Be as the job that was saved. What was in progress then has ended: it runs no more."""
        for name in self.saved_fields:
            setattr(self, name, saved["fields"][name])
        if self.status == "Stopping":
            self._end("Stopped", "Stopped")
        elif self.status == "InProgress":
            self._fail(CUT_OFF)

    def run(self) -> None:
        _log.info("%s %s begins", self.words, self.name)
        try:
            self._require_capacity()
            self._run()
        except JobStoppedError as stopped:
            self._end("Stopped", stopped.why)
        except JobError as failure:
            self._fail(str(failure))
        except EngineError as error:
            self._fail(f"InternalServerError: {error}.")
        except MemoryError:
            _log.error("%s %s failed: %s", self.noun, self.name, memory.exhausted())
            self._fail(f"InternalServerError: {memory.exhausted()}.")
        except Exception as error:  # noqa: BLE001 - the thread's last resort
            if disk.is_full(error):
                _log.error("%s %s: %s", self.noun, self.name, disk.sentence(error))
                self._fail(f"InternalServerError: {disk.sentence(error)}.")
                return
            if not self.abandoned:
                _log.exception("%s %s: unexpected error", self.noun, self.name)
            self._fail(
                "InternalServerError: We encountered an internal error. "
                f"({type(error).__name__}: {error})"
            )
        else:
            self._end("Completed", "Completed")

    def summary(self) -> dict[str, Any]:
        """What lists show of it."""
        raise NotImplementedError

    def _run(self) -> None:
        raise NotImplementedError

    def _on_stopping(self) -> None:
        """The job is to be stopped."""

    def _on_end(self, why: str) -> None:
        """The job ends, by `why`: `Completed`, `Failed`, `Stopped`, `MaxRuntimeExceeded`, …"""

    def check_stopped(self) -> None:
        """Raise `JobStoppedError` if the job is to be stopped."""
        if self._is_ending:
            raise JobStoppedError

    def require_image(self, image: str, on_pull: Callable[[], None] | None = None) -> None:
        """Make sure that the image is on this machine. Raises `JobError` in AWS's words."""
        try:
            self.backend.containers.require_image(image, on_pull)
        except ImageError as error:
            raise JobError(
                f"ClientError: Cannot pull image {image}: {error}. Please check that the image "
                "exists on this machine or in a registry that it can reach."
            ) from error

    def together(self, calls: Sequence[Callable[[], None]], what: str) -> None:
        """Run the calls at once, or a single one right here."""
        if len(calls) == 1:
            calls[0]()
        elif calls:
            self.backend.together(calls, f"{what}-{self.name}")

    def fault(self, event: str) -> Fault | None:
        """The fault on demand by which this event happens to the job."""
        found = self.backend.faults.event(event, f"Create{self.noun}", self.name)
        self.blamed = self.blamed or (found is not None and event not in _HARMLESS)
        return found

    def _require_capacity(self) -> None:
        if self.fault(events.CAPACITY):
            raise JobError(NO_CAPACITY)

    def disturbance(self) -> Callable[[int], None] | None:
        """What is done to S3's data by faults on demand, called with each number of bytes."""
        slow, broken = self.fault(events.SLOW_DATA), self.fault(events.DATA_ERROR)
        if slow is None and broken is None:
            return None
        lock, passed = threading.Lock(), 0

        def disturb(size: int) -> None:
            nonlocal passed
            if slow is not None:
                until = time.monotonic() + slow.latency * size / MEGABYTE
                while (left := until - time.monotonic()) > 0 and not self._is_ending:
                    time.sleep(min(left, PAUSE))
            with lock:
                passed += size
            if broken is not None and passed >= broken.megabytes * MEGABYTE:
                raise s3_objects.DataError(NO_DATA)

        return disturb

    @property
    def words(self) -> str:
        """What it is called in a sentence: `training job`."""
        return self.kind.replace("-", " ")

    @property
    def _is_ending(self) -> bool:
        return self.stopping or self.abandoned

    def transfer(self, what: str, *, down: bool = False) -> Transfer:
        """Counts what is copied for the job; how far that is goes into its status, and the log.

        `down`: it comes from S3.
        """

        def tell(text: str) -> None:
            _log.info("%s: %s", self.name, text, extra=PASSING)
            with self.lock:
                self._on_transfer(text)

        return Transfer(what, tell, self.disturbance() if down else None)

    def _on_transfer(self, text: str) -> None:
        """Something is as far as `text` says."""

    def _fail(self, reason: str) -> None:
        mark = f" ({MARK})" if self.blamed else ""
        with self.lock:
            self.failure_reason = reason[: FAILURE_REASON_LIMIT - len(mark)] + mark
        self._end("Failed", "Failed")

    def _end(self, status: str, why: str) -> None:
        with self.lock:
            self.ended = self.modified = datetime.now(UTC)
            self._on_end(why)
            self.status = status
            listeners, self._listeners = self._listeners, []
        for call in listeners:
            call()
        if not self.abandoned:
            seconds = (self.ended - self.created).total_seconds()
            reason = f": {plain(self.failure_reason or '')}" if status == "Failed" else ""
            _log.info("%s %s is %s after %.1f s%s", self.words, self.name, status, seconds, reason)
