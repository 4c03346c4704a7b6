"""Tuning jobs: training jobs with ever other hyperparameters, until the best of them is known."""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.jobs.job import Job, JobError
from harness.local.jobs.tuning import gaussian, stopping
from harness.local.jobs.tuning.child import Child
from harness.local.jobs.tuning.progress import Progress
from harness.local.jobs.tuning.search import (
    BayesianSearch,
    GridSearch,
    Outcome,
    Search,
)
from harness.local.jobs.tuning.warm_start import WarmStart, standardised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.jobs.training.job import TrainingJob
    from harness.local.jobs.tuning.plan import Definition, Plan
    from harness.local.jobs.tuning.room import Room
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Training jobs without a result after which a tuning job gives up, as AWS does."""

SEEDS = 2**31

_SEARCHES: dict[str, type[Search]] = {"Bayesian": BayesianSearch, "Grid": GridSearch}
"""By strategy; the others choose at random."""


class TuningJob(Job):
    """One hyperparameter tuning job, and the training jobs that it launches."""

    noun = "HyperParameterTuningJob"
    kind = "hyper-parameter-tuning-job"
    taken = (
        "Hyperparameter tuning job names must be unique within an AWS account and region, and a "
        "hyperparameter tuning job with this name already exists"
    )

    def __init__(
        self,
        backend: Backend,
        context: RequestContext,
        request: Mapping[str, Any],
        plan: Plan,
        warm_start: WarmStart,
        room: Room,
    ) -> None:
        super().__init__(backend, context, request)
        self.plan = plan
        self.children: list[Child] = []
        """The training jobs, in the order in which they were launched."""
        self._warm_start = warm_start
        self._room = room
        self._training_jobs: Table[TrainingJob] = backend.store.table(Child.kind)
        seed = plan.config.get("RandomSeed", secrets.randbelow(SEEDS))
        search = _SEARCHES.get(plan.strategy, Search)
        self._searches = [search(each.ranges, seed) for each in plan.definitions]
        self._launched: Counter[int] = Counter()
        self._exhausted: set[int] = set()
        self._judged: set[int] = set()
        criteria = plan.config.get("TuningJobCompletionCriteria", {})
        self._progress = Progress(criteria, plan.definitions[0].sign, plan.hyperparameters)
        self._hyperband = stopping.Hyperband(*plan.resources) if plan.resources else None
        self._stops_early = plan.config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"

    # What the operations ask for.

    def describe(self) -> dict[str, Any]:
        overall = self._warm_start.best()
        best = best_of(self.children)
        both = best_of([*overall, *self.children]) if overall else None
        with self.lock:
            return {
                "HyperParameterTuningJobConfig": self.plan.described(),
                **self.plan.described_definitions(),
                **self._summary(),
                "BestTrainingJob": best.tuned_summary() if best else None,
                "OverallBestTrainingJob": both.tuned_summary() if both else None,
                "WarmStartConfig": self.request.get("WarmStartConfig"),
                "FailureReason": self.failure_reason,
                "TuningJobCompletionDetails": self._progress.details(),
                "ConsumedResources": {"RuntimeInSeconds": self._seconds()},
            }

    def summary(self) -> dict[str, Any]:
        with self.lock:
            return {
                **self._summary(),
                "Strategy": self.plan.strategy,
                "ResourceLimits": self.plan.described()["ResourceLimits"],
            }

    def _summary(self) -> dict[str, Any]:
        summaries = [each.tuned_summary() for each in list(self.children)]
        found = Counter(each["ObjectiveStatus"] for each in summaries)
        return {
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": self.created,
            "HyperParameterTuningEndTime": self.ended,
            "LastModifiedTime": self.modified,
            "TrainingJobStatusCounters": _counters(summaries),
            "ObjectiveStatusCounters": {
                status: found[status] for status in ("Succeeded", "Pending", "Failed")
            },
        }

    def _seconds(self) -> int:
        return int(((self.ended or datetime.now(UTC)) - self.created).total_seconds())

    def saved(self) -> dict[str, Any]:
        overall = best_of(self._warm_start.best())
        return {
            **super().saved(),
            "children": [each.saved() for each in list(self.children)],
            "overall": overall.saved() if overall else None,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        super().restore(saved)
        self.children = [self._restored(each) for each in saved["children"]]
        if saved["overall"]:
            self._warm_start = WarmStart.restored(self._restored(saved["overall"]))
        self._judge()

    def _restored(self, saved: Mapping[str, Any]) -> Child:
        own = saved["child"]
        found = [each for each in self.plan.definitions if each.place == own["place"]]
        child = self._child(
            saved["request"], own["number"], found[0], own["tuned"], tuple(own["tuner"])
        )
        child.restore(saved)
        return child

    # What the job does.

    def _run(self) -> None:
        if self.plan.strategy == "Bayesian":
            # While the first ones run, of which nothing is known yet.
            self.backend.spawn(_load, f"load-{self.name}")
        limit = self.plan.limits.get("MaxRuntimeInSeconds", math.inf)
        deadline = time.monotonic() + limit
        try:
            while self._goes_on(deadline):
                self._stop_early()
                self._launch()
                if not self._running():
                    break
                self._wait(deadline)
        finally:
            self._end_children()
        self.check_stopped()
        self._judge()
        if best_of(self.children) is None:
            raise JobError(self._why_none())

    def _goes_on(self, deadline: float) -> bool:
        """Whether there is more to find out."""
        self.wake.clear()
        self.check_stopped()
        self._judge()
        fruitless = best_of(self.children) is None and len(self._judged) >= ATTEMPTS
        return not fruitless and not self._progress.is_complete() and time.monotonic() < deadline

    def _judge(self) -> None:
        """Take note of the training jobs that have ended since."""
        for child in self.children:
            if child.has_ended.is_set() and child.number not in self._judged:
                self._judged.add(child.number)
                if (score := child.score) is not None:
                    self._progress.add(score)
                    _log.info("%s: %s: %s = %s", self.name, child.name, child.definition.metric,
                              child.value)  # fmt: skip

    def _running(self) -> list[Child]:
        return [child for child in self.children if not child.has_ended.is_set()]

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        self.wake.wait(None if math.isinf(left) else max(left, 0.0))

    def _stop_early(self) -> None:
        """Stop the training jobs that are unlikely to come to more than others."""
        if self._hyperband is None and not self._stops_early:
            return
        scores = {child.number: child.scores for child in self.children}
        for child in self._running():
            if child.stopping or not scores[child.number]:
                continue
            if self._hyperband is not None:
                stops = self._hyperband.stops(child.number, scores)
            else:
                previous = [scores[number] for number in self._judged]
                stops = stopping.worse_than_median(scores[child.number], previous)
            if stops:
                _log.info("%s: %s is stopped early", self.name, child.name)
                child.stop()

    def _launch(self) -> None:
        """Launch as many training jobs as may run at once."""
        while (
            len(self._running()) < self.plan.max_parallel
            and len(self.children) < self.plan.max_jobs
            and not self._is_ending
        ):
            if not self._launch_one():
                return

    def _launch_one(self) -> bool:
        """Launch one more, if there are values left to try."""
        while (turn := self._turn()) is not None:
            outcomes, pending = self._known(turn)
            values = self._searches[turn].propose(self._launched[turn], outcomes, pending)
            if values is not None:
                break
            self._exhausted.add(turn)
        else:
            return False
        self._launched[turn] += 1
        number = len(self.children)
        digest = hashlib.sha256(f"{self.arn}/{self.created}/{number}".encode()).hexdigest()[:8]
        definition = self.plan.definitions[turn]
        with self.backend.store.lock:
            tags = [
                {"Key": key, "Value": value}
                for key, value in self.backend.store.tags.get(self.arn, {}).items()
            ]
            name = f"{self.name}-{number + 1:03}-{digest}"
            request = definition.training_job(name, values, tags)
            child = self._child(request, number, definition, values, (self.name, self.arn))
            child.track()
            self._training_jobs.add(child, tags)
        with self.lock:
            self.children.append(child)
            self.modified = datetime.now(UTC)
        self.backend.spawn(child.run, f"{child.kind}-{child.name}")
        return True

    def _child(
        self,
        request: Mapping[str, Any],
        number: int,
        definition: Definition,
        tuned: Mapping[str, str],
        tuner: tuple[str, str],
    ) -> Child:
        return Child(
            self.backend, self.context, request, tuner=tuner, number=number, definition=definition,
            tuned=tuned, room=self._room, on_event=self.wake.set,
        )  # fmt: skip

    def _turn(self) -> int | None:
        """The definition whose turn it is: in turn those that have launched least."""
        left = [i for i in range(len(self._searches)) if i not in self._exhausted]
        return min(left, key=self._launched.__getitem__) if left else None

    def _known(self, turn: int) -> tuple[list[Outcome], list[dict[str, str]]]:
        """What training jobs of a definition have come to, and the values of those that run."""
        definition = self.plan.definitions[turn]
        own = [child for child in self.children if child.definition is definition]
        ended = [child for child in own if child.number in self._judged]
        scores = [child.score for child in ended]
        if self._warm_start.is_transfer:
            known = [score for score in scores if score is not None]
            rescaled = iter(standardised(known) if known else [])
            scores = [None if score is None else next(rescaled) for score in scores]
        outcomes = [Outcome(child.tuned, score) for child, score in zip(ended, scores, strict=True)]
        pending = [child.tuned for child in own if child.number not in self._judged]
        return [*self._warm_start.outcomes(), *outcomes], pending

    def _end_children(self) -> None:
        """Stop those that still run, and wait for their ends."""
        for child in self._running():
            child.stop()
        for child in self._running():
            while not child.has_ended.is_set() and not self.abandoned:
                self.wake.clear()
                if not child.has_ended.is_set():
                    self.wake.wait()

    def _why_none(self) -> str:
        """Why there is no best training job, in AWS's words."""
        statuses = Counter(child.status for child in self.children)
        failed = statuses["Failed"]
        if failed and not statuses["Completed"]:
            return (
                f"No training job succeeded after {failed} attempts. For additional details, "
                "please take a look at the training job failures by listing training jobs for the "
                "hyperparameter tuning job."
            )
        return (
            f"No objective metrics found after running {len(self._judged)} training jobs. Please "
            "ensure that the custom algorithm is emitting the objective metric as defined by the "
            "regular expression provided."
        )

    def abandon(self) -> None:
        super().abandon()
        for child in list(self.children):
            child.abandon()


def _load() -> None:
    gaussian.load()


def best_of(children: Iterable[Child]) -> Child | None:
    """The one with the best result; the first of several."""
    scored = [(score, child) for child in list(children) if (score := child.score) is not None]
    return max(scored, key=lambda each: each[0])[1] if scored else None


def _counters(summaries: list[dict[str, Any]]) -> dict[str, int]:
    """`TrainingJobStatusCounters`."""
    counters = dict.fromkeys(
        ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0
    )
    for each in summaries:
        status = each["TrainingJobStatus"]
        if status == "Failed":
            internal = (each["FailureReason"] or "").startswith("InternalServerError")
            counters["RetryableError" if internal else "NonRetryableError"] += 1
        else:
            counters["InProgress" if status == "Stopping" else status] += 1
    return counters
