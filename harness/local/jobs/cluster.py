"""The containers of a job: one for each of its hosts, started, followed and ended together."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from harness.aws_model import instance_types as types
from harness.errors import EngineError
from harness.local.core.debug import debugger as debugging
from harness.local.data import opt_ml
from harness.local.engine.errors import StartError, engine_lost
from harness.local.faults import events
from harness.local.jobs.job import FAILURE_REASON_LIMIT, JobError, JobStoppedError
from harness.local.jobs.usage import measured

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.local.engine.container import Container
    from harness.local.engine.containers import Mounts
    from harness.local.engine.streams.pieces import Stream
    from harness.local.jobs.job import Job

_log = logging.getLogger(__name__)

STOP_GRACE = 120
"""Seconds from SIGTERM to SIGKILL (StopTrainingJob and StopProcessingJob in the API reference)."""

FAILURE_GRACE = 10
"""Seconds from SIGTERM to SIGKILL for the other hosts, once one has failed."""

OUT_OF_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data "
    "processed on an instance."
)
"""What AWS says, word for word, of a job that has failed for want of memory."""

TICK_PERIOD = 10.0
"""Seconds after which `Cluster.until_end` calls `tick` again."""


def _none() -> None:
    """No failure."""


class HostLostError(JobError):
    """A host of several is gone; AWS says no more of it, and may try again."""

    def __init__(self) -> None:
        super().__init__("InternalServerError: We encountered an internal error. Please try again.")


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
        self._faults: list[threading.Timer] = []
        self._lost: Container | None = None
        self._log_group = log_group
        self.logs = {
            host: job.backend.logs.open(
                job.context.region,
                log_group,
                f"{job.name}/{host}-{int(time.time())}",
                job.context.account_id,
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
        instance_types: Mapping[str, str],
        volume: int | None = None,
        mounts: Mapping[str, Mounts] | None = None,
    ) -> Iterator[None]:
        """Create a container a host, with its `mounts`, and remove them in the end.

        Each has what its instance type has, as far as the engine can limit that, and `volume` GiB
        to write. Several share a network, in which their names resolve. The first is debugged, if
        its `environment` asks for that.
        """
        job, backend = self._job, self._job.backend
        with contextlib.ExitStack() as clean:
            network = None
            if len(self.hosts) > 1:
                network = backend.containers.network(job.name, self.hosts, isolated=isolated)
                clean.callback(network.remove)
            self.containers = []
            self._lost = None
            clean.callback(self._end_faults)
            clean.callback(self.containers.clear)  # each knows 20 KB, and jobs are kept
            debugger = self._debugger(image, environment, isolated=isolated)
            if debugger is not None:
                clean.callback(backend.containers.free, debugger.port)
            for host in self.hosts:
                kind = instance_types[host]
                own = debugger if host == self.hosts[0] else None
                container = backend.containers.create(
                    image,
                    name=f"{job.name}-{host}",
                    # The training toolkit waits a quarter of an hour for this name to resolve.
                    hostname=host,
                    command=command,
                    entrypoint=entrypoint,
                    environment=backend.container_environment(
                        job.context,
                        image,
                        {**environment, **own.environment} if own else environment,
                        isolated=isolated,
                    ),
                    debugged=own.ports if own else None,
                    isolated=isolated,
                    shared=network,
                    memory=types.memory(kind),
                    cpus=types.cpus(kind),
                    gpus=backend.gpus(kind),
                    disk=volume * types.GIB if volume and not types.has_own_disk(kind) else None,
                    mounts=mounts.get(host) if mounts else None,
                )
                clean.callback(container.remove)
                self.containers.append(container)
                if own:
                    container.put("/", opt_ml.tar_stream(opt_ml.files(debugging.files())))
            yield

    def _debugger(
        self, image: str, environment: Mapping[str, str], *, isolated: bool
    ) -> debugging.Debugger | None:
        """What the first host is debugged by. Raises `JobError` where it can't be."""
        try:
            return debugging.wanted(
                self._job.backend.containers, image, environment, isolated=isolated
            )
        except debugging.DebugError as error:
            raise JobError(f"ClientError: {error}.") from error

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

        self._begin_faults()

    def _begin_faults(self) -> None:
        """Let those faults on demand come that are meant for running containers."""

        def kill(container: Container, *, lost: bool) -> None:
            if lost:
                self._lost = container
            try:
                container.kill(out_of_memory=not lost)
            except EngineError as error:
                _log.warning("%s could not be killed on demand: %s", container.name, error)

        for event in (events.OUT_OF_MEMORY, events.HOST_LOST):
            lost = event == events.HOST_LOST
            if lost and len(self.hosts) == 1:
                continue
            if fault := self._job.fault(event):
                host = self.hosts.index(fault.host) if fault.host in self.hosts else -1
                call = partial(kill, self.containers[host], lost=lost)
                self._faults.append(events.after(fault.delay, call))

    def _end_faults(self) -> None:
        for timer in self._faults:
            timer.cancel()
        self._faults.clear()

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
        `EngineError` if the engine was lost, `HostLostError` if a host was.
        """
        containers = dict(zip(self.hosts, self.containers, strict=True))
        with measured(self._job, self._log_group, containers):
            return self._until_end(deadlines, interrupted, failure, tick, period)

    def _until_end(
        self,
        deadlines: Mapping[str, float],
        interrupted: Callable[[], str],
        failure: Callable[[], JobError | None],
        tick: Callable[[], None] | None,
        period: float,
    ) -> End:
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
        if end.failed is not None and end.failed is self._lost:
            raise HostLostError
        return End("Stopped") if self._job.stopping else end

    def folders(self, path: str) -> Iterator[Stream | None]:
        """The file or folder at `path` in each container, as tar streams."""
        return (container.get(path) for container in self.containers)

    def flush_logs(self) -> None:
        """Wait until everything that was written so far is in CloudWatch Logs."""
        for log in self.logs.values():
            log.flush()

    def algorithm_error(self, container: Container, text: str) -> JobError:
        """Why a container has failed: `text`, or without one the last words of its log.

        AWS leaves it empty where there is no text; the last words help. It has words of its own
        for a container that ran out of memory.
        """
        if container.out_of_memory:
            return JobError(OUT_OF_MEMORY)
        words = text or str(self.logs[self.hosts[self.containers.index(container)]].words)
        suffix = f", exit code: {container.exit_code}"
        room = FAILURE_REASON_LIMIT - len("AlgorithmError: ") - len(suffix)
        return JobError(f"AlgorithmError: {words[:room]}{suffix}")
