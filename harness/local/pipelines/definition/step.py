"""A step of a definition: what it says of itself, checked without the other steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.pipelines.definition import conditions, durations, kinds, references, retries
from harness.local.pipelines.definition.errors import refusal
from harness.local.pipelines.definition.kinds import CALLBACK, CONDITION, FAIL, KINDS, LAMBDA

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")

_OUTPUT_TYPES = ("String", "Integer", "Boolean", "Float")

_MEMBERS = {
    "Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description", "CacheConfig",
    "RetryPolicies", "PropertyFiles", "FunctionArn", "SqsQueueUrl", "OutputParameters",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One step, wherever in the definition it stands."""

    name: str
    type: str
    given: Mapping[str, Any]
    branch: tuple[str, bool] | None
    """The Condition step that it stands in, and the outcome that it is for."""
    dependencies: frozenset[str] = frozenset()
    """Every step that has to succeed first."""

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.given.get("Arguments") or {})

    @property
    def outputs(self) -> dict[str, str]:
        """The types of `OutputParameters`, by name."""
        listed = self.given.get("OutputParameters") or []
        return {each["OutputName"]: each.get("OutputType", "String") for each in listed}

    @property
    def property_files(self) -> dict[str, Mapping[str, str]]:
        return {each["PropertyFileName"]: each for each in self.given.get("PropertyFiles") or []}

    @property
    def values(self) -> Any:
        """All that references may stand in."""
        if self.type == CONDITION:
            return self.arguments.get("Conditions")
        return [self.given.get("Arguments"), self.given.get("FunctionArn"),
                self.given.get("SqsQueueUrl")]  # fmt: skip


def parse(given: Any, branch: tuple[str, bool] | None) -> Step:
    """Raises AWS's refusal, or ours of what doesn't run here."""
    if not isinstance(given, dict):
        raise refusal("Steps: Expecting start of Json Object")
    name, type_ = given.get("Name"), given.get("Type")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refusal(
            f"Step name {name!r} must be of 1 to 64 letters, digits, hyphens and underscores"
        )
    if not isinstance(type_, str) or type_ not in kinds.TYPES | kinds.ON_AWS_ONLY:
        raise refusal(f"Step '{name}': there is no step type '{type_}'")
    if type_ not in kinds.TYPES:
        raise refusal(
            f"Step '{name}': steps of type {type_} run on AWS only, and not in the local AWS"
        )
    if unknown := sorted(given.keys() - _MEMBERS):
        raise refusal(f"Step '{name}': Unknown member '{unknown[0]}'")
    step = Step(name, type_, given, branch)
    _check_members(step)
    if type_ == CONDITION:
        _check_condition(step)
    return step


def _check_members(step: Step) -> None:
    given, where = step.given, f"Step '{step.name}'"
    if not isinstance(given.get("Arguments") or {}, dict):
        raise refusal(f"{where}: Arguments: Expecting start of Json Object")
    for member in ("DisplayName", "Description"):
        if not isinstance(given.get(member) or "", str):
            raise refusal(f"{where}: {member} must be a text")
    depends = given.get("DependsOn") or []
    if not isinstance(depends, list) or not all(isinstance(each, str) for each in depends):
        raise refusal(f"{where}: DependsOn must be a list of steps' names")
    for member, type_ in (("FunctionArn", LAMBDA), ("SqsQueueUrl", CALLBACK)):
        value = given.get(member)
        if step.type == type_ and not isinstance(value, str) and not references.is_reference(value):
            raise refusal(f"{where}: Missing required member '{member}'")
        if step.type != type_ and value is not None:
            raise refusal(f"{where}: {member} is only for steps of type {type_}")
    _check_outputs(step)
    _check_files(step)
    _check_cache(step)
    policies = given.get("RetryPolicies")
    if policies is not None:
        if step.type not in KINDS:
            raise refusal(f"{where}: steps of type {step.type} have no RetryPolicies")
        retries.check(policies, step.name, is_job=bool(KINDS[step.type].stop))
    message = step.arguments.get("ErrorMessage", "")
    if step.type == FAIL and not (isinstance(message, str) or references.is_reference(message)):
        raise refusal(f"{where}: ErrorMessage must be a text or a reference")


def _check_outputs(step: Step) -> None:
    listed = step.given.get("OutputParameters")
    if listed is None:
        return
    if step.type not in (LAMBDA, CALLBACK):
        raise refusal(f"Step '{step.name}': steps of type {step.type} have no OutputParameters")
    if not isinstance(listed, list) or not all(
        isinstance(each, dict)
        and isinstance(each.get("OutputName"), str)
        and each.get("OutputType", "String") in _OUTPUT_TYPES
        for each in listed
    ):
        raise refusal(
            f"Step '{step.name}': OutputParameters must be a list of OutputName and OutputType, "
            f"one of [{', '.join(_OUTPUT_TYPES)}]"
        )


def _check_files(step: Step) -> None:
    listed = step.given.get("PropertyFiles")
    if listed is None:
        return
    where = f"Step '{step.name}'"
    members = ("PropertyFileName", "OutputName", "FilePath")
    if step.type != "Processing":
        raise refusal(f"{where}: PropertyFiles are only for steps of type Processing")
    if not isinstance(listed, list) or not all(
        isinstance(each, dict) and all(isinstance(each.get(name), str) for name in members)
        for each in listed
    ):
        raise refusal(f"{where}: PropertyFiles must be a list of {', '.join(members)}")
    config = step.arguments.get("ProcessingOutputConfig")
    outputs = config.get("Outputs") if isinstance(config, dict) else None
    outputs = outputs if isinstance(outputs, list) else []
    names = [each.get("OutputName") for each in outputs if isinstance(each, dict)]
    for each in listed:
        if each["OutputName"] not in names:
            raise refusal(
                f"{where}: PropertyFile '{each['PropertyFileName']}': there is no processing "
                f"output '{each['OutputName']}'"
            )


def _check_cache(step: Step) -> None:
    config = step.given.get("CacheConfig")
    if config is None:
        return
    where = f"Step '{step.name}'"
    if step.type not in kinds.WITH_CACHE:
        raise refusal(f"{where}: steps of type {step.type} have no CacheConfig")
    if not isinstance(config, dict) or not isinstance(config.get("Enabled", False), bool):
        raise refusal(f"{where}: CacheConfig must have Enabled, true or false")
    if (text := config.get("ExpireAfter")) is not None:
        try:
            durations.parse(str(text))
        except ValueError as error:
            raise refusal(f"{where}: CacheConfig.ExpireAfter: {error}") from None


def _check_condition(step: Step) -> None:
    listed = step.arguments.get("Conditions")
    if not isinstance(listed, list) or not listed:
        raise refusal(f"Step '{step.name}': Conditions must be a list, and not an empty one")
    for each in listed:
        conditions.check(each, step.name)
