"""Trial components: what a job, or a run of an SDK, was given, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from harness.local.experiments import jobs
from harness.local.experiments.metrics import Metrics
from harness.local.lineage.entity import Entity, context_of, group_arn
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.store import Store

MAPS = {"Parameters": 300, "InputArtifacts": 60, "OutputArtifacts": 60}
"""Members that are maps, with how much is in one at the most (the service model)."""

_SCALARS = ("DisplayName", "Status", "StartTime", "EndTime")


class TrialComponent(Entity):
    """One component. That of a job knows what the job's description says, until the job ends.

    What somebody has said of it counts before that.
    """

    noun, kind = "TrialComponent", "experiment-trial-component"

    def __init__(self, arn: str, name: str | None, members: Mapping[str, Any]) -> None:
        super().__init__(arn, name, members)
        self.source: dict[str, str] | None = None
        self.run_name: str | None = None
        self.follows = ""
        """The ARN of the job that it is of, while that goes on."""
        self.trials: dict[str, None] = {}
        """The ARNs of the trials that it is associated with, in order."""
        self.metrics = Metrics()
        self._learnt: dict[str, Any] = {}
        """What the job's description says."""
        self._removed: dict[str, list[str]] = {member: [] for member in MAPS}
        """What somebody has taken away of that."""

    @property
    def type(self) -> str:
        return self.source_type.removeprefix("SageMaker")

    @property
    def source_type(self) -> str:
        return self.source["SourceType"] if self.source else self.noun

    def follow(self, arn: str, source_type: str) -> None:
        """Be of a job from now on."""
        self.source = {"SourceArn": arn, "SourceType": source_type}
        self.follows = arn
        self.by_hand = False
        self._learnt, self.metrics = {}, Metrics()

    def settle(self, store: Store) -> None:
        if not self.follows:
            return
        job: Any = store.get(self.follows)
        if job is None:
            self.follows = ""
            return
        description = job.describe()
        learnt = jobs.learnt(job.noun, description, self._model(store, description))
        if learnt != self._learnt:
            self._learnt = learnt
            self.changed()
        has_ended = learnt["Status"]["PrimaryStatus"] not in ("InProgress", "Stopping")
        jobs.trace(store, self, job.noun, description, has_ended=has_ended)
        if has_ended:
            self.follows = ""

    def _model(self, store: Store, description: Mapping[str, Any]) -> Mapping[str, Any]:
        """The container of the model that a description names, if that is still there."""
        name = description.get("ModelName")
        model: Any = store.get(context_of(self.arn).arn(f"model/{name}")) if name else None
        return model.container if model is not None else {}

    def update(self, request: Mapping[str, Any]) -> None:
        """Take over what a request says of it. Raises `ValidationException` if it is too much."""
        changed: dict[str, dict[str, Any]] = {}
        removed: dict[str, list[str]] = {}
        for member, most in MAPS.items():
            own = {**self.members.get(member, {}), **request.get(member, {})}
            gone = [each for each in self._removed[member] if each not in request.get(member, {})]
            for key in request.get(f"{member}ToRemove") or ():
                own.pop(key, None)
                gone.append(key)
            if len({**self._learnt.get(member, {}), **own}) > most:
                raise AwsError(
                    "ValidationException",
                    f"{member}: trial component '{self.arn}' can have {most} of them at most.",
                )
            changed[member] = own
            removed[member] = [each for each in gone if each in self._learnt.get(member, {})]
        self.members |= changed
        self.members |= {name: request[name] for name in _SCALARS if name in request}
        self._removed = removed
        self.changed()

    def describe(self) -> dict[str, Any]:
        return {
            **self._learnt,
            **super().describe(),
            "DisplayName": self.members.get("DisplayName", self.name),
            "Source": self.source,
            "Sources": [self.source] if self.source else None,
            # Where there is nothing in them, too: SDK v2's ExperimentAnalytics needs maps.
            **{member: self._map(member) for member in MAPS},
            "Metrics": self.metrics.summaries(),
            "LineageGroupArn": group_arn(context_of(self.arn)),
        }

    def _map(self, member: str) -> dict[str, Any]:
        learnt = {
            key: value
            for key, value in self._learnt.get(member, {}).items()
            if key not in self._removed[member]
        }
        return {**learnt, **self.members.get(member, {})}

    def summary(self) -> dict[str, Any]:
        return {**self.describe(), "TrialComponentSource": self.source}

    def saved(self) -> dict[str, Any]:
        return {
            **super().saved(),
            "source": self.source,
            "run_name": self.run_name,
            "follows": self.follows,
            "trials": list(self.trials),
            "metrics": self.metrics.saved(),
            "learnt": self._learnt,
            "removed": self._removed,
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        component = super().restored(saved)
        component.source, component.run_name = saved["source"], saved["run_name"]
        component.follows = saved["follows"]
        component.trials = dict.fromkeys(saved["trials"])
        component.metrics.restore(saved["metrics"])
        component._learnt, component._removed = saved["learnt"], saved["removed"]
        return component
