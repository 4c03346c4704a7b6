"""References in a definition: what stands for a value that is known in an execution only.

They are objects with one member: `{"Get": "Parameters.X"}`, `{"Std:Join": {…}}`,
`{"Std:JsonGet": {…}}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from harness.local.pipelines.definition import paths
from harness.local.pipelines.definition.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"

EXECUTION_VARIABLES = frozenset({
    "CurrentDateTime", "PipelineArn", "PipelineExecutionArn", "PipelineExecutionId", "PipelineName",
    "ProcessingJobName", "StartDateTime", "TrainingJobName",
})  # fmt: skip
"""("Execution variables" in AWS's guide.)"""

EXPERIMENT_PROPERTIES = frozenset({"ExperimentName", "TrialName"})

ROOTS = ("Parameters", "Steps", "Execution", "PipelineExperimentConfig")


class Property(NamedTuple):
    """What a `Get` asks for."""

    text: str
    root: str
    """One of `ROOTS`."""
    name: str
    """Of the parameter, the step, or the variable."""
    path: tuple[paths.Part, ...]
    """Where in the step's properties."""


def is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict) and len(value) == 1 and not {GET, JOIN, JSON_GET}.isdisjoint(value)
    )


def parse(text: Any) -> Property:
    """The property that a `Get` names. Raises AWS's refusal if it is of no known form."""
    if not isinstance(text, str):
        raise refusal(f"A reference must be a text, and is {text!r}")
    try:
        parts = paths.parse(text)
    except ValueError as error:
        raise refusal(f"Invalid property reference '{text}': {error}") from None
    if len(parts) < 2 or parts[0] not in ROOTS:
        raise refusal(
            f"Invalid property reference '{text}': it must begin with Parameters., Steps., "
            "Execution. or PipelineExperimentConfig., and name something"
        )
    return Property(text, str(parts[0]), str(parts[1]), tuple(parts[2:]))


def found(value: Any) -> Iterator[Property]:
    """Every property that a value refers to, however deep."""
    if isinstance(value, list):
        for each in value:
            yield from found(each)
    elif isinstance(value, dict):
        if is_reference(value) and GET in value:
            yield parse(value[GET])
        else:
            for each in value.values():
                yield from found(each)


def check_form(value: Any) -> None:
    """Refuse functions that are none, wherever they stand in a value."""
    if isinstance(value, list):
        for each in value:
            check_form(each)
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        if name.startswith("Std:"):
            _check_function(name, inner)
        check_form(inner)


def _check_function(name: str, given: Any) -> None:
    if name == JOIN:
        if not isinstance(given, dict) or not isinstance(given.get("Values"), list):
            raise refusal(f"{JOIN}: it needs Values, a list, and is {given!r}")
        if not isinstance(given.get("On", ""), str):
            raise refusal(f"{JOIN}: On must be a text, and is {given['On']!r}")
    elif name == JSON_GET:
        _check_json_get(given)
    else:
        raise refusal(f"Unknown function '{name}'; there are {JOIN} and {JSON_GET}")


def _check_json_get(given: Any) -> None:
    if not isinstance(given, dict) or not isinstance(given.get("Path"), str):
        raise refusal(f"{JSON_GET}: it needs Path, a text, and is {given!r}")
    if ("PropertyFile" in given) == ("S3Uri" in given):
        raise refusal(f"{JSON_GET}: it needs either PropertyFile or S3Uri")
    try:
        paths.parse(given["Path"])
    except ValueError as error:
        raise refusal(f"{JSON_GET}: {error}") from None
    if "PropertyFile" in given:
        file = given["PropertyFile"]
        asked = parse(file[GET]) if is_reference(file) and GET in file else None
        if asked is None or asked.root != "Steps" or asked.path[:1] != ("PropertyFiles",):
            raise refusal(
                f"{JSON_GET}: PropertyFile must be a Get of Steps.<step>.PropertyFiles.<file>, and "
                f"is {file!r}"
            )
