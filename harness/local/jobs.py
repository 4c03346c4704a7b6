"""What training, processing and transform jobs share: statuses, and containers run to their end."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from harness.errors import EngineError
from harness.local import instances, tags
from harness.local.engine_calls import ImageError, StartError, engine_lost
from harness.local.protocol import AwsError
from harness.local.transfers import PASSING, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.local.backend import Backend
    from harness.local.container import Container
    from harness.local.containers import Mounts
    from harness.local.protocol import RequestContext
    from harness.local.store import Store

_log = logging.getLogger(__name__)

STOP_GRACE = 120
"""Seconds from SIGTERM to SIGKILL (StopTrainingJob and StopProcessingJob in the API reference)."""

FAILURE_GRACE = 10
"""Seconds from SIGTERM to SIGKILL for the other hosts, once one has failed."""

FAILURE_REASON_LIMIT = 1024

OUT_OF_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data "
    "processed on an instance."
)
"""What AWS says, word for word, of a job that has failed for want of memory."""

TICK_PERIOD = 10.0
"""Seconds after which `Cluster.until_end` calls `tick` again."""


class JobError(Exception):
    """Ends a job as Failed; the text becomes its failure reason."""


class JobStoppedError(Exception):
    """Ends a job as Stopped; `why` is `Stopped`, or `MaxRuntimeExceeded` and the like."""

    def __init__(self, why: str = "Stopped") -> None:
        super().__init__(why)
        self.why = why


class Job:
    """One job of a kind; `run` takes it to its end, in a thread of its own.

    A kind has a `noun`, and says in `_run` what the job does: the job is Completed when that
    returns, Stopped when it raises `JobStoppedError`, and Failed when it raises anything else.
    What else it keeps of a status goes into `_on_stopping` and `_on_end`, called with `lock` held.
    """

    noun: ClassVar[str]
    """`TrainingJob`: what the members of requests and descriptions begin with."""
    taken: ClassVar[str] = (
        "Job name must be unique within an AWS account and region, and a job with this name "
        "already exists"
    )
    """What is said of a name that a job has already."""

    def __init__(self, backend: Backend, context: RequestContext, request: dict[str, Any]) -> None:
        self.backend = backend
        self.context = context
        self.request = request
        self.name = str(request[f"{self.noun}Name"])
        self.arn = arn(context, self.noun, self.name)
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

    def run(self) -> None:
        try:
            self._run()
        except JobStoppedError as stopped:
            self._end("Stopped", stopped.why)
        except JobError as failure:
            self._fail(str(failure))
        except EngineError as error:
            self._fail(f"InternalServerError: {error}.")
        except Exception as error:  # noqa: BLE001 - the thread's last resort
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
        if self.stopping or self.abandoned:
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

    def transfer(self, what: str) -> Transfer:
        """Counts what is copied for the job; how far that is goes into its status, and the log."""

        def tell(text: str) -> None:
            _log.info("%s: %s", self.name, text, extra=PASSING)
            with self.lock:
                self._on_transfer(text)

        return Transfer(what, tell)

    def _on_transfer(self, text: str) -> None:
        """Something is as far as `text` says."""

    def _fail(self, reason: str) -> None:
        with self.lock:
            self.failure_reason = reason[:FAILURE_REASON_LIMIT]
        self._end("Failed", "Failed")

    def _end(self, status: str, why: str) -> None:
        with self.lock:
            self.ended = self.modified = datetime.now(UTC)
            self._on_end(why)
            self.status = status


def _none() -> None:
    """No failure."""


class End(NamedTuple):
    """How the containers of a job have ended."""

    why: str = ""
    """Why they were stopped; empty if they have ended by themselves."""
    failed: Container | None = None
    """The first that ended with another code than 0, unless they were stopped."""


class Cluster:
    """The hosts of a job, with a log stream each, and while they are `created` a container each."""

    def __init__(self, job: Job, hosts: Sequence[str], log_group: str) -> None:
        self._job = job
        self.hosts = list(hosts)
        self.containers: list[Container] = []
        self.logs = {
            host: job.backend.logs.open(
                job.context.region, log_group, f"{job.name}/{host}-{int(time.time())}"
            )
            for host in hosts
        }

    @contextlib.contextmanager
    def created(
        self,
        image: str,
        *,
        command: Sequence[str] | None,
        entrypoint: Sequence[str] | None,
        environment: Mapping[str, str],
        isolated: bool,
        instance_types: Mapping[str, str] | None = None,
        mounts: Mapping[str, Mounts] | None = None,
    ) -> Iterator[None]:
        """Create a container a host, with its `mounts`, and remove them in the end.

        Several share a network, in which their names resolve.
        """
        job, backend = self._job, self._job.backend
        with contextlib.ExitStack() as clean:
            network = None
            if len(self.hosts) > 1:
                network = backend.containers.network(job.name, self.hosts, isolated=isolated)
                clean.callback(network.remove)
            self.containers = []
            clean.callback(self.containers.clear)  # each knows 20 KB, and jobs are kept
            for host in self.hosts:
                container = backend.containers.create(
                    image,
                    name=f"{job.name}-{host}",
                    # The training toolkit waits a quarter of an hour for this name to resolve.
                    hostname=host,
                    command=command,
                    entrypoint=entrypoint,
                    environment={
                        **backend.container_environment(job.context.region, isolated=isolated),
                        **environment,
                    },
                    isolated=isolated,
                    shared=network,
                    memory=instances.memory((instance_types or {}).get(host, "")),
                    mounts=mounts.get(host) if mounts else None,
                )
                clean.callback(container.remove)
                self.containers.append(container)
            yield

    def each(self, call: Callable[[str, Container], None], what: str) -> None:
        """Call with every host and its container, at once."""
        pairs = zip(self.hosts, self.containers, strict=True)
        self._job.together([partial(call, host, container) for host, container in pairs], what)

    def start(self, on_line: Callable[[str, str], None] | None = None, *, usage: str) -> None:
        """Start the containers; their output goes to the log, or line and host to `on_line`.

        Raises `JobError`, with the command of `usage`, if one can't be started.
        """

        def write(line: str, host: str) -> None:
            self.logs[host].write(line)

        read = on_line or write

        def start(host: str, container: Container) -> None:
            container.start(lambda line: read(line, host), self._job.wake.set)

        try:
            self.each(start, "start")
        except StartError as error:
            raise JobError(
                "ClientError: CannotStartContainerError. Please make sure the container can be "
                f"run with '{usage}'. ({error})"
            ) from error

    def until_end(
        self,
        deadlines: Mapping[str, float],
        *,
        interrupted: Callable[[], str] = str,
        failure: Callable[[], JobError | None] = _none,
        tick: Callable[[], None] | None = None,
        period: float = TICK_PERIOD,
    ) -> End:
        """Wait for the containers, or stop them when they must be.

        That is when the job is to be stopped, when a host has failed, when one of `deadlines` has
        come (by the reason that it is, in `time.monotonic()`), when `interrupted` returns a
        reason, or when `failure` returns an error, which is raised then. `tick` is called every
        `period` seconds meanwhile. Raises `JobStoppedError` if the job is abandoned, and
        `EngineError` if the engine was lost.
        """
        job = self._job
        why, until = min(deadlines.items(), key=lambda item: item[1])
        while True:
            job.wake.clear()
            if job.abandoned:
                raise JobStoppedError
            if error := failure():
                self._ended(End(), FAILURE_GRACE)
                raise error
            ended = [container for container in self.containers if container.exited.is_set()]
            failed = next((each for each in ended if each.exit_code != 0), None)
            if failed or len(ended) == len(self.containers):
                return self._ended(End(failed=failed), FAILURE_GRACE)
            if job.stopping:
                return self._ended(End("Stopped"), STOP_GRACE)
            if time.monotonic() >= until:
                return self._ended(End(why), STOP_GRACE)
            if reason := interrupted():
                return self._ended(End(reason), STOP_GRACE)
            if tick:
                tick()
            job.wake.wait(min(until - time.monotonic(), period))

    def _ended(self, end: End, grace: int) -> End:
        """Stop what still runs."""
        self._job.together(
            [partial(container.stop, grace) for container in self.containers], "stop"
        )
        if self._job.abandoned:
            raise JobStoppedError
        if any(container.exit_code is None for container in self.containers):
            raise engine_lost()
        return End("Stopped") if self._job.stopping else end

    def folders(self, path: str) -> Iterator[Iterator[bytes] | None]:
        """The file or folder at `path` in each container, as tar streams."""
        return (container.get(path) for container in self.containers)

    def flush_logs(self) -> None:
        """Wait until everything that was written so far is in CloudWatch Logs."""
        for log in self.logs.values():
            log.flush()

    def algorithm_error(self, container: Container, text: str) -> JobError:
        """Why a container has failed: `text`, or without one the last line of its log.

        AWS leaves it empty where there is no text; the last line helps. It has words of its own
        for a container that ran out of memory.
        """
        if container.out_of_memory:
            return JobError(OUT_OF_MEMORY)
        words = text or self.logs[self.hosts[self.containers.index(container)]].last_line
        suffix = f", exit code: {container.exit_code}"
        room = FAILURE_REASON_LIMIT - len("AlgorithmError: ") - len(suffix)
        return JobError(f"AlgorithmError: {words[:room]}{suffix}")


# What the operations of each kind of job do alike, with the jobs of that kind by ARN.

J = TypeVar("J", bound=Job)

_WORDS = {
    "TrainingJob": "training job",
    "ProcessingJob": "processing job",
    "TransformJob": "transform job",
}


def arn(context: RequestContext, noun: str, name: str) -> str:
    return context.arn(f"{_WORDS[noun].replace(' ', '-')}/{name}")


def begin(job: J, jobs: dict[str, J]) -> None:
    """Keep the job with its tags, and run it. Raises `ResourceInUse` if its name is taken."""
    store, words = job.backend.store, _WORDS[job.noun]
    with store.lock:
        if job.arn in jobs:
            raise AwsError("ResourceInUse", f"{job.taken} ({job.arn})")
        jobs[job.arn] = job
        tags.attach(store, job.arn, job.request)
    job.backend.spawn(job.run, f"{words.replace(' ', '-')}-{job.name}")


def find(jobs: Mapping[str, J], arn: str, code: str = "ValidationException") -> J:
    """Raises an error of this code if there is no such job."""
    job = jobs.get(arn)
    if job is None:
        raise AwsError(code, "Requested resource not found.")
    return job


def summaries(store: Store, jobs: Mapping[str, J], context: RequestContext) -> list[dict[str, Any]]:
    """What lists show of the jobs of an account and region."""
    with store.lock:
        known = list(jobs.values())
    return [job.summary() for job in known if job.arn.startswith(context.arn(""))]


def stop(job: Job) -> None:
    """Raises `ValidationException` if the job has ended."""
    if not job.stop():
        raise AwsError(
            "ValidationException",
            f"The request was rejected because the {_WORDS[job.noun]} is in status {job.status}.",
        )


def delete(jobs: dict[str, J], job: J) -> None:
    """Forget a job that has ended. Call with the store's lock held."""
    if job.status in ("InProgress", "Stopping"):
        raise AwsError(
            "ResourceInUse",
            f"The {_WORDS[job.noun]} {job.arn} is in status {job.status}; only one that is "
            "Completed, Failed or Stopped can be deleted.",
        )
    del jobs[job.arn]
    job.backend.store.tags.pop(job.arn, None)
