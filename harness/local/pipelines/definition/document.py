"""A pipeline definition: the JSON that CreatePipeline gets, read and checked as a whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.local.pipelines.definition import graph, parameters, paths, references
from harness.local.pipelines.definition import step as steps
from harness.local.pipelines.definition.arguments import Arguments, type_at
from harness.local.pipelines.definition.errors import refusal
from harness.local.pipelines.definition.kinds import CALLBACK, CONDITION, FAIL, KINDS, LAMBDA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.pipelines.definition.parameters import Parameter
    from harness.local.pipelines.definition.references import Property
    from harness.local.pipelines.definition.step import Step

VERSION = "2020-12-01"

MAX_STEPS = 300
"""Steps of a pipeline; AWS's quota is an account's, and 50 in a new one."""

MAX_DEPTH = 100
"""Objects and lists in each other."""


class Definition:
    """A definition that can be executed.

    Raises:
        AwsError: AWS refuses it, or the local AWS doesn't run it; the text names the step.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        document = _document(text)
        self.parameters: Mapping[str, Parameter] = parameters.parse(
            document.get("Parameters") or []
        )
        self.experiment = _experiment(document.get("PipelineExperimentConfig"))
        listed = document.get("Steps")
        if not isinstance(listed, list):
            raise refusal("Steps: Expecting start of Json Array")
        self.steps: dict[str, Step] = {}
        for step in _parsed(listed, None):
            if step.name in self.steps:
                raise refusal(f"Step names must be unique; '{step.name}' is there twice")
            self.steps[step.name] = step
        if not self.steps:
            raise refusal("Steps: there must be at least one")
        if len(self.steps) > MAX_STEPS:
            raise refusal(f"Steps: {len(self.steps)} are more than {MAX_STEPS}")
        self._check_references()
        self.steps = graph.with_dependencies(self.steps)
        for step in self.steps.values():
            self._check_arguments(step)

    def _check_references(self) -> None:
        for step in self.steps.values():
            references.check_form(step.values)
            for found in references.found(step.values):
                self._check_property(found, f"Step '{step.name}'")
        references.check_form(self.experiment)
        for found in references.found(self.experiment):
            if found.root == "Steps":
                raise refusal("PipelineExperimentConfig: it can't refer to steps")
            self._check_property(found, "PipelineExperimentConfig")

    def _check_property(self, found: Property, where: str) -> None:
        known = {
            "Parameters": self.parameters,
            "Steps": self.steps,
            "Execution": references.EXECUTION_VARIABLES,
            "PipelineExperimentConfig": references.EXPERIMENT_PROPERTIES,
        }[found.root]
        if found.name not in known:
            what = {"Parameters": "parameter", "Steps": "step"}.get(found.root, "variable")
            raise refusal(
                f"{where}: Invalid property reference '{found.text}': there is no {what} "
                f"'{found.name}'"
            )
        if found.root == "Steps" and not self._is_there(found):
            raise refusal(
                f"{where}: Invalid property reference '{found.text}': a step of type "
                f"{self.steps[found.name].type} has no such property"
            )

    def _is_there(self, found: Property) -> bool:
        step = self.steps[found.name]
        if not found.path:
            return False
        if found.path[0] == "PropertyFiles":
            return len(found.path) == 2 and found.path[1] in step.property_files
        if step.type in (LAMBDA, CALLBACK):
            return (
                found.path[0] == "OutputParameters"
                and len(found.path) == 2
                and (found.path[1] in step.outputs)
            )
        if step.type in KINDS:
            return type_at(KINDS[step.type].properties, found.path) is not None
        # Of a Fail step nothing can be: that is said of its dependents.
        return step.type == FAIL or found.path == ("Outcome",)

    def _type_of(self, found: Property) -> str | None:
        """The type of what a reference stands for."""
        if found.root == "Parameters":
            return self.parameters[found.name].type.lower()
        if found.root != "Steps":
            return "string"
        step = self.steps[found.name]
        if step.type in KINDS:
            return type_at(KINDS[step.type].properties, found.path)
        if step.type in (LAMBDA, CALLBACK):
            return step.outputs[str(found.path[1])].lower()
        return "string"

    def _check_arguments(self, step: Step) -> None:
        if kind := KINDS.get(step.type):
            if kind.name == "" and "ModelPackageName" in step.arguments:
                raise refusal(
                    f"Step '{step.name}': Arguments: Unknown Argument member 'ModelPackageName'"
                )
            Arguments(step.name, self._type_of).check(kind.arguments, step.arguments, kind.name)


def _document(text: str) -> dict[str, Any]:
    try:
        document = paths.document(text)
    except (ValueError, RecursionError) as error:
        raise refusal(f"It is no JSON: {error}".rstrip(".")) from None
    if not isinstance(document, dict):
        raise refusal("Expecting start of Json Object")
    if _depth(document) > MAX_DEPTH:
        raise refusal(f"Its objects and lists are in each other more than {MAX_DEPTH} deep")
    if document.get("Version") != VERSION:
        raise refusal(
            f"Version '{document.get('Version')}' failed to satisfy enum value set: [{VERSION}]"
        )
    if document.get("MlflowConfig"):
        raise refusal(
            "MlflowConfig: MLflow's tracking servers run on AWS only, and not in the local AWS"
        )
    known = {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "Steps",
             "MlflowConfig"}  # fmt: skip
    if unknown := sorted(document.keys() - known):
        raise refusal(f"Unknown member '{unknown[0]}'")
    return document


def _depth(value: Any) -> float:
    deepest, left = 0, [(value, 1)]
    while left:
        each, depth = left.pop()
        if depth > MAX_DEPTH:
            return math.inf
        deepest = max(deepest, depth)
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        left += [(inner_value, depth + 1) for inner_value in inner]
    return deepest


def _experiment(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or not given.keys() <= references.EXPERIMENT_PROPERTIES:
        raise refusal("PipelineExperimentConfig: it has ExperimentName and TrialName only")
    for name, value in given.items():
        if not isinstance(value, str) and not references.is_reference(value):
            raise refusal(f"PipelineExperimentConfig: {name} must be a text or a reference")
    return given


def _parsed(listed: list[Any], branch: tuple[str, bool] | None) -> Iterator[Step]:
    """The steps of a list, and those in its Condition steps."""
    for given in listed:
        one = steps.parse(given, branch)
        yield one
        if one.type == CONDITION:
            for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
                inner = one.arguments.get(member) or []
                if not isinstance(inner, list):
                    raise refusal(f"Step '{one.name}': {member}: Expecting start of Json Array")
                yield from _parsed(inner, (one.name, outcome))
