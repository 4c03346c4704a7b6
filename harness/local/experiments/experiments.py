"""Experiments, and the trials that they consist of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from harness.local.experiments.components import TrialComponent
from harness.local.lineage.entity import Entities, Entity
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.store import Store
    from harness.local.protocol.messages import RequestContext


class Experiment(Entity):
    noun, kind = "Experiment", "experiment"

    def describe(self) -> dict[str, Any]:
        return {"DisplayName": self.name, **super().describe()}


class Trial(Entity):
    """One trial; `experiment` is its experiment's ARN."""

    noun, kind = "Trial", "experiment-trial"

    def __init__(
        self, arn: str, name: str | None, members: Mapping[str, Any], experiment: str = ""
    ) -> None:
        super().__init__(arn, name, members)
        self.experiment = experiment

    def describe(self) -> dict[str, Any]:
        return {"DisplayName": self.name, **super().describe()}

    def summary(self) -> dict[str, Any]:
        found = self.describe()
        return {**found, "TrialSource": found.get("Source")}

    def saved(self) -> dict[str, Any]:
        return {**super().saved(), "experiment": self.experiment}

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        trial = super().restored(saved)
        trial.experiment = saved["experiment"]
        return trial


def components_of(store: Store, context: RequestContext, trial: Trial) -> list[TrialComponent]:
    """The components of a trial."""
    return [
        each for each in store.table(TrialComponent.kind).of(context) if trial.arn in each.trials
    ]


class Experiments(Entities[Experiment]):
    """Create-, Describe-, Update- and DeleteExperiment, ListExperiments."""

    kind = Experiment
    words = "Experiment"

    def create_experiment(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ExperimentName"]
        with self._store.lock:
            made = Experiment(self._check_name(context, name), name, _members(request))
            self._table.add(made, request.get("Tags"))
        return self._answer(made)

    def describe_experiment(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            return self._find(context, request["ExperimentName"]).describe()

    def update_experiment(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            experiment = self._find(context, request["ExperimentName"])
            experiment.members |= _members(request)
            experiment.changed()
        return self._answer(experiment)

    def delete_experiment(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            experiment = self._find(context, request["ExperimentName"])
            trials = self._store.table(Trial.kind).of(context)
            if any(each.experiment == experiment.arn for each in trials):
                raise AwsError(
                    "ValidationException",
                    f"Experiment '{experiment.arn}' is linked to 1 or more trials and cannot be "
                    "deleted.",
                )
            return self._delete(experiment)

    def list_experiments(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return self._list(context, request, "ExperimentSummaries")


class Trials(Entities[Trial]):
    """Create-, Describe-, Update- and DeleteTrial, ListTrials."""

    kind = Trial
    words = "Trial"

    def create_trial(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TrialName"]
        with self._store.lock:
            experiment = self._experiment(context, request["ExperimentName"])
            arn = self._check_name(context, name)
            members = {**_members(request), "ExperimentName": experiment.name}
            made = Trial(arn, name, members, experiment.arn)
            self._table.add(made, request.get("Tags"))
        return self._answer(made)

    def describe_trial(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._find(context, request["TrialName"]).describe()

    def update_trial(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            trial = self._find(context, request["TrialName"])
            trial.members |= _members(request)
            trial.changed()
        return self._answer(trial)

    def delete_trial(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            trial = self._find(context, request["TrialName"])
            if components_of(self._store, context, trial):
                raise AwsError(
                    "ValidationException",
                    f"Trial '{trial.arn}' is linked to 1 or more trial components and cannot be "
                    "deleted.",
                )
            return self._delete(trial)

    def list_trials(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            experiment, trials = None, None
            if "ExperimentName" in request:
                experiment = self._experiment(context, request["ExperimentName"]).arn
            if "TrialComponentName" in request:
                table = self._store.table(TrialComponent.kind)
                found = table.find(context, request["TrialComponentName"].lower())
                trials = found.trials if found is not None else {}
            return self._list(
                context,
                request,
                "TrialSummaries",
                lambda each: (
                    experiment in (None, each.experiment) and (trials is None or each.arn in trials)
                ),
            )

    def _experiment(self, context: RequestContext, name: str) -> Experiment:
        table = self._store.table(Experiment.kind)
        found: Experiment | None = table.find(context, name.lower())
        if found is None:
            arn = table.arn(context, name.lower())
            raise AwsError("ResourceNotFound", f"Experiment '{arn}' does not exist.")
        return found


def _members(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says of an experiment or a trial beside its name."""
    kept = ("DisplayName", "Description", "MetadataProperties")
    return {name: request[name] for name in kept if name in request}
