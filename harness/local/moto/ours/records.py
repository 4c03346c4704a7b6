"""What moto's SageMaker keeps as records, and how AWS refuses what isn't there, or is already."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def prepare() -> None:
    """Let moto's SageMaker refuse, as AWS does, what it would fall over or overwrite."""
    from moto.sagemaker.models import SageMakerModelBackend

    class_: Any = SageMakerModelBackend
    for method, table, kind in (
        ("create_experiment", "experiments", "Experiment"),
        ("create_trial", "trials", "Trial"),
        ("create_trial_component", "trial_components", "Trial component"),
    ):
        setattr(class_, method, _once(getattr(class_, method), table, kind))
    class_.create_trial = _of_experiment(class_.create_trial)
    class_.list_trials = _of_experiment(class_.list_trials)
    class_.associate_trial_component = _associate(class_.associate_trial_component)
    class_.describe_feature_group = _describe_feature_group(class_.describe_feature_group)
    class_._get_resource_from_arn = _tagged(class_._get_resource_from_arn)


def _once(original: Callable[..., Any], table: str, kind: str) -> Callable[..., Any]:
    """A Create operation that takes each name once. (moto keeps the last: an SDK that looks whether
    a run is there by creating it would erase that.)
    """
    from moto.sagemaker.exceptions import ValidationError

    member = f"{table.removesuffix('s')}_name"

    @functools.wraps(original)
    def create(self: Any, *arguments: Any, **named: Any) -> Any:
        name = named.get(member, arguments[0] if arguments else None)
        if name in getattr(self, table):
            raise ValidationError(
                message=f"{kind} names must be unique within an AWS account and region. {kind} "
                f"with name ({name}) already exists."
            )
        return original(self, *arguments, **named)

    return create


def _of_experiment(original: Callable[..., Any]) -> Callable[..., Any]:
    """An operation that names an experiment, which has to be there."""
    from moto.sagemaker.exceptions import ResourceNotFound

    @functools.wraps(original)
    def operation(self: Any, *arguments: Any, **named: Any) -> Any:
        name = named.get("experiment_name")
        if name is not None and name not in self.experiments:
            arn = f"arn:{self.partition}:sagemaker:{self.region_name}:{self.account_id}"
            raise ResourceNotFound(message=f"Experiment '{arn}:experiment/{name}' does not exist.")
        return original(self, *arguments, **named)

    return operation


def _associate(original: Callable[..., Any]) -> Callable[..., Any]:
    from moto.sagemaker.exceptions import ResourceNotFound

    @functools.wraps(original)
    def associate(self: Any, trial_name: str, trial_component_name: str) -> Any:
        if trial_name in self.trials and trial_component_name not in self.trial_components:
            arn = f"arn:{self.partition}:sagemaker:{self.region_name}:{self.account_id}"
            raise ResourceNotFound(
                message=f"Trial component '{arn}:experiment-trial-component/"
                f"{trial_component_name}' does not exist."
            )
        return original(self, trial_name, trial_component_name)

    return associate


def _describe_feature_group(original: Callable[..., Any]) -> Callable[..., Any]:
    from moto.sagemaker.exceptions import ResourceNotFound

    @functools.wraps(original)
    def describe(self: Any, feature_group_name: str) -> Any:
        name = feature_group_name.rpartition("/")[2]
        try:
            return original(self, name)
        except KeyError as error:
            raise ResourceNotFound(
                message=f"Resource Not Found: FeatureGroup with name {name} does not exist."
            ) from error

    return describe


def _tagged(original: Callable[..., Any]) -> Callable[..., Any]:
    """What an ARN is of. (moto looks up names only, and not of every kind.)"""
    from moto.sagemaker.exceptions import ValidationError

    @functools.wraps(original)
    def resource(self: Any, arn: str) -> Any:
        kind = arn.split(":", 5)[-1].partition("/")[0]
        if kind == "feature-group":
            found = self.feature_groups.get(arn)
        elif arn.count("/") == 1:
            try:
                found = original(self, arn)
            except (LookupError, AttributeError):
                found = None
        else:
            found = None
        if found is None or not hasattr(found, "tags"):
            raise ValidationError(message=f'Could not find resource "{arn}".')
        if found.tags is None:
            found.tags = []
        return found

    return resource
