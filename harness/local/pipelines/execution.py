"""One execution of a pipeline: its steps, begun as soon as what they wait for is there."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.local.pipelines import experiment
from harness.local.pipelines.definition import durations, parameters
from harness.local.pipelines.definition.kinds import FAIL
from harness.local.pipelines.steps.calls import Calls, Facts, StepError
from harness.local.pipelines.steps.performing import perform
from harness.local.pipelines.steps.resolver import Resolver, text
from harness.local.pipelines.steps.run import StepRun
from harness.local.pipelines.steps.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.local.core.backend import Backend
    from harness.local.pipelines.definition.document import Definition
    from harness.local.pipelines.definition.step import Step
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

STEP_FAILURE = "Step failure: One or multiple steps failed."
"""What AWS says of an execution that failed."""

CUT_OFF = (
    "InternalServerError: the local AWS ended while the execution ran, and the execution with it; "
    "retry it, or start another one."
)
"""What is said of an execution that ran in a state that was saved."""

_SAVED = (
    "status", "failure_reason", "created", "modified", "description", "display_name",
    "parallelism", "experiment",
)  # fmt: skip

Cached = tuple[str, StepRun]
"""An execution's ARN, and a step of it."""


class Home(NamedTuple):
    """The pipeline that an execution is of, as far as the execution needs it."""

    name: str
    arn: str
    tags: Callable[[], list[dict[str, str]]]
    cached: Callable[[str, str, datetime | None], Cached | None]
    """A step of this name that succeeded with this key, since a moment."""


class Started(NamedTuple):
    """What an execution was started with."""

    id: str
    version: int
    parameters: Sequence[Mapping[str, str]]
    selective: Mapping[str, Any] | None = None
    """`SelectiveExecutionConfig`."""


class Execution:
    """From Executing to its end, and again from there if it is retried."""

    def __init__(
        self,
        backend: Backend,
        context: RequestContext,
        home: Home,
        definition: Definition,
        started: Started,
    ) -> None:
        self.home = home
        self.definition = definition
        self.given = started
        self.id = started.id
        self.arn = f"{home.arn}/execution/{started.id}"
        self.created = self.modified = datetime.now(UTC)
        self.status = "Executing"
        self.failure_reason: str | None = None
        self.display_name: str | None = None
        self.description: str | None = None
        self.parallelism: Mapping[str, Any] | None = None
        self.experiment: dict[str, str] = {}
        self.parameters = parameters.values(definition.parameters, started.parameters)
        self.runs: dict[str, StepRun] = {}
        """The steps that have been started, in that order."""
        self.lock = threading.RLock()
        self.wake = threading.Event()
        self.stopping = False
        self.abandoned = False
        self._backend = backend
        self._context = context
        self._calls = Calls(backend, context)
        chosen = (started.selective or {}).get("SelectedSteps")
        self._selected = None if chosen is None else {each["StepName"] for each in chosen}

    # What the operations ask for.

    def describe(self) -> dict[str, Any]:
        with self.lock:
            return {
                "PipelineArn": self.home.arn,
                "PipelineExecutionArn": self.arn,
                "PipelineExecutionDisplayName": self.display_name,
                "PipelineExecutionStatus": self.status,
                "PipelineExecutionDescription": self.description,
                "PipelineExperimentConfig": self.experiment or None,
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "ParallelismConfiguration": self.parallelism,
                "SelectiveExecutionConfig": self.given.selective,
                "PipelineVersionId": self.given.version,
            }

    def summary(self) -> dict[str, Any]:
        with self.lock:
            return {
                "PipelineExecutionArn": self.arn,
                "StartTime": self.created,
                "PipelineExecutionStatus": self.status,
                "PipelineExecutionDescription": self.description,
                "PipelineExecutionDisplayName": self.display_name,
                "PipelineExecutionFailureReason": self.failure_reason,
            }

    @property
    def is_running(self) -> bool:
        return self.status in ("Executing", "Stopping")

    def begin(self) -> None:
        """Run it, in a thread of its own."""
        self._backend.spawn(self.run, f"pipeline-{self.home.name}-{self.id}")

    def stop(self) -> bool:
        """Whether it is being stopped: one that has ended, or is at it, can't be."""
        with self.lock:
            if self.status != "Executing":
                return False
            self.stopping = True
            self.status, self.modified = "Stopping", datetime.now(UTC)
        self._wake_all()
        return True

    def retry(self) -> None:
        """Run again what hasn't succeeded."""
        with self.lock:
            self.runs = {name: run for name, run in self.runs.items() if run.has_succeeded}
            self.stopping, self.failure_reason = False, None
            self.status, self.modified = "Executing", datetime.now(UTC)
        self.begin()

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self.abandoned = True
        self._wake_all()

    def _wake_all(self) -> None:
        self.wake.set()
        for run in list(self.runs.values()):
            run.wake.set()

    def waiting_for(self, token: str) -> StepRun | None:
        """The Callback step that waits for an answer to this token."""
        return next((run for run in list(self.runs.values()) if run.token == token), None)

    def reuse(self, source: str, names: Sequence[str], others: Mapping[str, StepRun]) -> None:
        """Have the results of another execution's steps, instead of running them."""
        for name in names:
            run = StepRun(self.definition.steps[name])
            run.reuse(others[name])
            run.selective_source = source
            self.runs[name] = run

    def saved(self) -> dict[str, Any]:
        with self.lock:
            return {
                "started": self.given._asdict(),
                "definition": self.definition.text,
                "fields": {name: getattr(self, name) for name in _SAVED},
                "runs": [run.saved() for run in self.runs.values()],
            }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Be as the one that was saved. What ran then has ended: it runs no more."""
        for name in _SAVED:
            setattr(self, name, saved["fields"][name])
        for each in saved["runs"]:
            run = StepRun(self.definition.steps[each["step"]])
            run.restore(each)
            if not run.has_ended:
                run.end("Failed", CUT_OFF)
            self.runs[run.name] = run
        if self.is_running:
            self.status, self.failure_reason = "Failed", CUT_OFF

    # What the execution does.

    def run(self) -> None:
        """Take it to its end: the target of its thread."""
        _log.info("pipeline execution %s/%s begins", self.home.name, self.id)
        try:
            facts = self._facts()
            experiment.ensure(self._calls, facts.experiment)
            self._run(facts)
        except StepError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - the thread's last resort
            if not self.abandoned:
                _log.exception("pipeline execution %s: unexpected error", self.arn)
            self._end(f"InternalServerError: {type(error).__name__}: {error}")
        else:
            self._end()

    def _facts(self) -> Facts:
        facts = Facts(
            self.arn, self.id, self.home.name, self.home.arn, self.created, self.parameters, {}
        )
        named = Resolver(facts, self._calls, {}).resolve(self.definition.experiment or {})
        self.experiment = {name: text(value) for name, value in named.items()}
        return facts._replace(experiment=self.experiment)

    def _run(self, facts: Facts) -> None:
        resolver = Resolver(facts, self._calls, self.runs)
        while not self.abandoned:
            self.wake.clear()
            running = self._running()  # looked at first: one that ends now may let others begin
            ready = self._ready()
            for step in ready:
                self._start(step, facts, resolver)
            if not ready and not running:
                return
            self.wake.wait()

    def _running(self) -> list[StepRun]:
        return [run for run in list(self.runs.values()) if not run.has_ended]

    def _ready(self) -> list[Step]:
        """The steps that are to begin now, as many as may run at once."""
        if self.stopping or any(
            run.step.type == FAIL and run.has_ended for run in list(self.runs.values())
        ):
            return []
        ready = [step for step in self.definition.steps.values() if self._is_ready(step)]
        most = (self.parallelism or {}).get("MaxParallelExecutionSteps")
        return ready if most is None else ready[: max(0, most - len(self._running()))]

    def _is_ready(self, step: Step) -> bool:
        if step.name in self.runs or not (self._selected is None or step.name in self._selected):
            return False
        needed = [self.runs.get(name) for name in step.dependencies]
        if not all(run is not None and run.has_succeeded for run in needed):
            return False
        return step.branch is None or self.runs[step.branch[0]].outcome == step.branch[1]

    def _start(self, step: Step, facts: Facts, resolver: Resolver) -> None:
        run = StepRun(step)
        with self.lock:
            self.runs[step.name] = run
        work = Work(
            run, facts, self._calls, resolver, lambda: self.stopping, lambda: self.abandoned,
            self._reuse_cached, self.home.tags(),
        )  # fmt: skip

        def target() -> None:
            try:
                perform(work)
            finally:
                with self.lock:
                    self.modified = datetime.now(UTC)
                self.wake.set()

        self._backend.spawn(target, f"pipeline-{self.id}-{step.name}")

    def _reuse_cached(self, run: StepRun, key: str) -> bool:
        text_ = run.step.given["CacheConfig"].get("ExpireAfter")
        since = datetime.now(UTC) - durations.parse(text_) if text_ else None
        found = self.home.cached(run.name, key, since)
        if found is None or not self._is_there(found[1]):
            return False
        run.cache_source = found[0]
        run.reuse(found[1])
        return True

    def _is_there(self, run: StepRun) -> bool:
        """Whether what a step has made can still be described."""
        try:
            Resolver(self._bare_facts(), self._calls, {run.name: run}).properties(run.name)
        except StepError:
            return False
        return True

    def _bare_facts(self) -> Facts:
        return Facts(self.arn, self.id, self.home.name, self.home.arn, self.created, {}, {})

    def _end(self, failure: str | None = None) -> None:
        runs = list(self.runs.values())
        with self.lock:
            if failure is None and any(run.status == "Failed" for run in runs):
                failure = STEP_FAILURE
            self.failure_reason = failure
            if failure is not None:
                status = "Failed"
            else:
                status = "Stopped" if self.stopping or self.abandoned else "Succeeded"
            self.modified = datetime.now(UTC)
            self.status = status
        if not self.abandoned:
            seconds = (self.modified - self.created).total_seconds()
            _log.info("pipeline execution %s/%s is %s after %.1f s", self.home.name, self.id,
                      status, seconds)  # fmt: skip
