"""Every job has a trial component, in the trial that its `ExperimentConfig` names, if it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.experiments.components import TrialComponent
from harness.local.experiments.experiments import Experiment, Trial
from harness.local.experiments.jobs import SUFFIXES
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.store import Store
    from harness.local.protocol.messages import RequestContext

__all__ = ["SUFFIXES", "check", "follow"]

_NAME_LIMIT = 120
"""Characters of a trial's name (`ExperimentEntityName` in the service model)."""


def check(store: Store, context: RequestContext, request: Mapping[str, Any]) -> None:
    """Raises `ResourceNotFound` for an experiment or a trial that a job names and isn't there."""
    _places(store, context, request.get("ExperimentConfig") or {})


def _places(
    store: Store, context: RequestContext, config: Mapping[str, Any]
) -> tuple[Experiment | None, Trial | None]:
    """The experiment and the trial that an `ExperimentConfig` names."""
    with store.lock:
        experiment = _named(store, context, Experiment, config)
        trial = _named(store, context, Trial, config)
    if experiment and trial and trial.experiment != experiment.arn:
        raise AwsError(
            "ValidationException",
            f"Trial '{trial.arn}' is not one of experiment '{experiment.arn}'.",
        )
    return experiment, trial


def _named(
    store: Store, context: RequestContext, kind: type[Experiment | Trial], config: Mapping[str, Any]
) -> Any:
    if not (name := config.get(f"{kind.noun}Name")):
        return None
    table = store.table(kind.kind)
    if (found := table.find(context, name.lower())) is None:
        arn = table.arn(context, name.lower())
        raise AwsError("ResourceNotFound", f"Could not find {kind.noun.lower()} '{arn}'.")
    return found


def follow(
    store: Store, context: RequestContext, noun: str, arn: str, request: Mapping[str, Any]
) -> TrialComponent:
    """The trial component of a job, made with it. It knows of the job what that says of itself.

    Where only the experiment is named, there is a trial for the job alone ("If not specified, a
    new trial is created": `ExperimentConfig` in AWS's API reference).
    """
    config = request.get("ExperimentConfig") or {}
    name = f"{request[f'{noun}Name']}{SUFFIXES[noun]}".lower()
    source_type = f"SageMaker{noun}"
    table = store.table(TrialComponent.kind)
    with store.lock:
        experiment, trial = _places(store, context, config)
        if experiment and not trial:
            source = {"SourceArn": arn, "SourceType": source_type}
            trial = _trial(store, context, experiment, name, source)
        component: TrialComponent | None = table.find(context, name)
        if component is None:
            component = TrialComponent(table.arn(context, name), name, {})
            table.add(component)
        component.follow(arn, source_type)
        component.run_name = config.get("RunName")
        if display := config.get("TrialComponentDisplayName"):
            component.members["DisplayName"] = display
        if trial:
            component.trials[trial.arn] = None
        return component


def _trial(
    store: Store, context: RequestContext, experiment: Experiment, name: str, source: Any
) -> Trial:
    """The trial of a job alone."""
    table = store.table(Trial.kind)
    name = name[:_NAME_LIMIT]
    found: Trial | None = table.find(context, name)
    if found is not None and found.experiment != experiment.arn:
        raise AwsError(
            "ValidationException",
            f"Trial '{found.arn}' is not one of experiment '{experiment.arn}'; name another one in "
            "ExperimentConfig.",
        )
    if found is None:
        members = {"ExperimentName": experiment.name, "Source": source}
        found = Trial(table.arn(context, name), name, members, experiment.arn)
        table.add(found)
    return found
