"""How a run goes: steps and their times, waits that end, and logs as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from harness.console import Begins, Detail, Ends, Passing, Status, plain
from harness.errors import FlowError
from harness.flow.logs import Line, LogReader
from harness.local.engine.log_lines import LastWords, is_of_ping

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

Progress = Callable[[str], None]

# A log is looked at less often than a status: it costs more, and nobody reads that fast.
LOG_SECONDS = 0.5


LAST_LINES = 10
"""Lines of a log that stand at the end of an error."""

MOST_LINES = 5000
"""Lines of a log that are kept for the report, the last ones."""


class Step(NamedTuple):
    """A step of a run that has ended; in seconds, `start` since the run's."""

    name: str
    start: float
    seconds: float


class Resource(Protocol):
    """What the SDK's resources have in common, as far as `wait` cares."""

    def refresh(self) -> Any: ...


def wait(
    resource: Resource,
    what: str,
    *,
    status: str,
    going: set[str],
    done: str,
    seconds: float,
    poll: float,
    log: Log,
) -> None:
    """Refresh until the attribute named `status` says `done`.

    The SDK's own waiters look every five seconds at best and draw on the terminal.

    Raises:
        FlowError: it says something that is neither `done` nor in `going`, or time is up.
    """
    end = time.monotonic() + seconds
    how_far = HowFar(log.progress)
    while True:
        resource.refresh()
        now = getattr(resource, status)
        how_far.show(*_told(resource))
        if now == done:
            log.show()
            return
        if now not in going:
            log.show()
            raise log.with_last_lines(FlowError(f"{what} is {now}: {_why(resource)}.{log.where}"))
        if time.monotonic() > end:
            raise log.with_last_lines(
                FlowError(f"{what} is still {now} after {seconds:.0f} s.{log.where}")
            )
        log.show_now_and_then()
        time.sleep(poll)


class HowFar:
    """What is said of a status while it lasts: shown whenever it changes.

    That is how far the local AWS is with data that takes long, or what AWS is waiting for.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last: tuple[str, str] = "", ""

    def show(self, status: str, message: str) -> None:
        before, self._last = self._last, (status, message)
        if status and before[0] != status:
            self._progress(Status(f"  {status}"))
        if message and before[0] == status and before[1] != message:
            self._progress(Passing(f"  {message}"))


def _told(resource: Resource) -> tuple[str, str]:
    """The status of a job or an endpoint that lasts, and what is said of it."""
    found: Any = resource
    steps = getattr(found, "secondary_status_transitions", None)
    if isinstance(steps, list) and steps:
        return str(steps[-1].status), _text(steps[-1].status_message)
    variants = getattr(getattr(found, "pending_deployment_summary", None), "production_variants", 0)
    if isinstance(variants, list) and variants and isinstance(variants[0].variant_status, list):
        now = variants[0].variant_status[-1]
        return str(now.status), _text(now.status_message)
    return "", ""


def _text(message: object) -> str:
    """Empty where the SDK has a value of its own for what wasn't said."""
    return message if isinstance(message, str) else ""


def _why(resource: Resource) -> str:
    reason = getattr(resource, "failure_reason", None) or getattr(resource, "secondary_status", "")
    if reason == "MaxRuntimeExceeded":
        return "MaxRuntimeExceeded, the limit is training.max_runtime_seconds"
    return str(reason or "no reason was given").rstrip(".")


class Log:
    """What containers write, read from CloudWatch Logs as it comes and shown as progress."""

    MARK = "  | "
    """What stands before each line, which tells it from our own."""

    def __init__(
        self,
        boto: boto3.Session,
        progress: Progress,
        group: str,
        prefix: str,
        *,
        stays: bool = True,
    ) -> None:
        """`stays`: whether CloudWatch Logs has it after the run."""
        self._stays = stays
        self._reader = LogReader(boto, group, prefix)
        self.progress = progress
        self.group = group
        self.lines: deque[Line] = deque(maxlen=MOST_LINES)
        self.count = 0
        """Lines that there were."""
        self._prefix = prefix
        self._next_look = 0.0
        self._words = LastWords()
        self._sources: set[str] = set()

    @property
    def where(self) -> str:
        """A sentence of where it is, after a space; none where only the run's folder keeps it."""
        streams = f", streams {self._prefix}*" if self._prefix else ""
        return (
            f" Its log is in CloudWatch Logs: group {self.group}{streams}." if self._stays else ""
        )

    @property
    def said(self) -> str:
        """Which of the lines shown so far says why something failed; empty if there are none."""
        return self._words.said

    def with_last_lines(self, error: FlowError) -> FlowError:
        """The error, with what was written last."""
        told = [line.text for line in self.lines]
        told = [line for line in told if not is_of_ping(line)] or told
        error.last_lines = [plain(line) for line in told][-LAST_LINES:]
        return error

    def show_now_and_then(self) -> None:
        if time.monotonic() >= self._next_look:
            self.show()

    def show_last(self) -> None:
        """Show what was written until now, for which a log that comes late is given its time."""
        time.sleep(LOG_SECONDS)
        with suppress(ClientError, BotoCoreError):  # what it is shown for is to be told
            self.show()

    def show(self) -> None:
        """Show the lines that have come since the last time."""
        for line in self._new():
            self._words.add(line.text)
            self._sources.add(line.source)
            source = f"{line.source} | " if len(self._sources) > 1 else ""
            shown = f"{self.MARK}{source}{plain(line.text)}"
            self.progress(Detail(shown) if is_of_ping(line.text) else shown)
        self._next_look = time.monotonic() + LOG_SECONDS

    def gather(self) -> None:
        """Keep the lines that have come since the last time, and show none."""
        with suppress(ClientError, BotoCoreError):  # they would be nice to have
            self._new()

    def _new(self) -> list[Line]:
        found = self._reader.new()
        self.lines.extend(found)
        self.count += len(found)
        return found


class Steps:
    """How long each step took, and whose fault an AWS error is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.began = datetime.now(UTC)
        self._start = time.monotonic()
        self._seconds: dict[str, float] = {}
        self.taken: list[Step] = []

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        self._progress(Begins(step))
        start = time.monotonic()
        passed = False
        try:
            yield
            passed = True
        except (ClientError, BotoCoreError) as error:
            said = " ".join(str(error).split())  # of parameters it is a list
            raise FlowError(f"{step}: {said.rstrip('.')}.") from error
        finally:
            self.ended(step, start)
            self._progress(Ends(step, self._seconds[step], passed=passed))

    def ended(self, step: str, start: float) -> None:
        seconds = round(time.monotonic() - start, 3)
        self._seconds[step] = seconds
        self.taken.append(Step(step, round(start - self._start, 3), seconds))

    def so_far(self) -> dict[str, float]:
        return self._seconds | {"total": round(time.monotonic() - self._start, 3)}
