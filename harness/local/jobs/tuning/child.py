"""A training job of a tuning job: one as any other, which tells what its objective comes to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from harness.local.jobs.training.job import TrainingJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.jobs.tuning.plan import Definition
    from harness.local.jobs.tuning.room import Room
    from harness.local.protocol.messages import RequestContext


class Child(TrainingJob):
    """Number `number` of a tuning job, with values for the hyperparameters that are tuned.

    `on_event` is called, in any thread, when there is a value of the objective, and when the job
    has ended.
    """

    def __init__(
        self,
        backend: Backend,
        context: RequestContext,
        request: Mapping[str, Any],
        *,
        tuner: tuple[str, str],
        number: int,
        definition: Definition,
        tuned: Mapping[str, str],
        room: Room,
        on_event: Callable[[], None],
    ) -> None:
        self.number = number
        self.definition = definition
        self.tuned = dict(tuned)
        self.values: list[float] = []
        """What the objective has come to so far, one value an epoch."""
        self.has_ended = threading.Event()
        self._room = room
        self._on_event = on_event
        super().__init__(backend, context, request)
        self.tuning_job, self.tuning_job_arn = tuner

    @property
    def score(self) -> float | None:
        """Its result, the larger the better; None if it has none, or not yet."""
        value = self.value
        return None if value is None else self.definition.sign * value

    @property
    def value(self) -> float | None:
        """The last value of the objective, once the job has ended, unless it has failed."""
        if not self.has_ended.is_set() or self.status == "Failed" or not self.values:
            return None
        return self.values[-1]

    @property
    def scores(self) -> list[float]:
        """All values so far, the larger the better."""
        return [self.definition.sign * value for value in list(self.values)]

    def saved(self) -> dict[str, Any]:
        own = {"number": self.number, "tuned": self.tuned, "values": list(self.values)}
        own |= {"place": self.definition.place, "tuner": [self.tuning_job, self.tuning_job_arn]}
        return {**super().saved(), "child": own}

    def restore(self, saved: Mapping[str, Any]) -> None:
        super().restore(saved)
        self.values = list(saved["child"]["values"])
        self.has_ended.set()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.has_ended.set()
            self._on_event()

    def tuned_summary(self) -> dict[str, Any]:
        """`HyperParameterTrainingJobSummary`."""
        ended, value = self.has_ended.is_set(), self.value
        objective = {
            "Type": self.definition.objective["Type"],
            "MetricName": self.definition.metric,
            "Value": value,
        }
        found = "Succeeded" if value is not None else "Failed"
        with self.lock:
            return {
                "TrainingJobDefinitionName": self.definition.name,
                "TrainingJobName": self.name,
                "TrainingJobArn": self.arn,
                "TuningJobName": self.tuning_job,
                "CreationTime": self.created,
                "TrainingStartTime": self.started,
                "TrainingEndTime": self.ended,
                "TrainingJobStatus": self.status,
                "TunedHyperParameters": dict(self.tuned),
                "FailureReason": self.failure_reason,
                "FinalHyperParameterTuningJobObjectiveMetric": (
                    None if value is None else objective
                ),
                "ObjectiveStatus": found if ended else "Pending",
            }

    def _run(self) -> None:
        with self._room.place(self, len(self._hosts), self._say):
            super()._run()

    def _say(self, text: str) -> None:
        """Say it in the status, until there is the next one."""
        with self.lock:
            self._message = self.transitions[-1]["StatusMessage"] = text

    def _on_metric(self, name: str, value: float) -> None:
        if name == self.definition.metric:
            self.values.append(value)
            self._on_event()
