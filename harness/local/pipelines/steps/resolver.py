"""What references come to in an execution: parameters, variables, results of earlier steps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.data import s3_objects
from harness.local.pipelines.definition import paths, references
from harness.local.pipelines.definition.kinds import CALLBACK, KINDS, LAMBDA, SUMMARIES, TUNING
from harness.local.pipelines.definition.references import GET, JOIN, Property
from harness.local.pipelines.steps.calls import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.steps.calls import Calls, Facts
    from harness.local.pipelines.steps.run import StepRun

MAX_FILE = 2 * 1024 * 1024
"""Bytes of a property file."""


class Resolver:
    """Of one execution. `runs` are its steps that have been started, by name."""

    def __init__(self, facts: Facts, calls: Calls, runs: Mapping[str, StepRun]) -> None:
        self._facts = facts
        self._calls = calls
        self._runs = runs

    def resolve(self, value: Any, own: Mapping[str, str] | None = None) -> Any:
        """The value with every reference in it replaced.

        `own` are the execution variables that only the step itself has. Raises `StepError`.
        """
        own = own or {}
        if isinstance(value, list):
            return [self.resolve(each, own) for each in value]
        if not isinstance(value, dict):
            return value
        if not references.is_reference(value):
            return {name: self.resolve(each, own) for name, each in value.items()}
        ((function, given),) = value.items()
        if function == GET:
            return self._property(references.parse(given), own)
        if function == JOIN:
            parts = self.resolve(given["Values"], own)
            return str(given.get("On", "")).join(text(each) for each in parts)
        return self._json_get(given, own)

    def _property(self, asked: Property, own: Mapping[str, str]) -> Any:
        facts = self._facts
        if asked.root == "Parameters":
            return facts.parameters[asked.name]
        if asked.root == "PipelineExperimentConfig":
            return facts.experiment.get(asked.name, "")
        if asked.root == "Execution":
            variables = {
                "CurrentDateTime": _time(datetime.now(UTC)),
                "PipelineArn": facts.pipeline_arn,
                "PipelineExecutionArn": facts.arn,
                "PipelineExecutionId": facts.id,
                "PipelineName": facts.pipeline,
                "StartDateTime": _time(facts.started),
                **own,
            }
            if asked.name not in variables:
                raise StepError(f"ClientError: {asked.text} is not there in a step of this type.")
            return variables[asked.name]
        try:
            found = paths.look_up(self.properties(asked.name), asked.path)
        except LookupError as error:
            raise StepError(
                f"ClientError: Unable to resolve property reference [{asked.text}]: "
                f"{error.args[0]} in what the step has come to."
            ) from None
        return _time(found) if isinstance(found, datetime) else found

    def properties(self, name: str) -> dict[str, Any]:
        """What a step that has succeeded has come to, as its Describe operation tells it now."""
        run = self._runs[name]
        step = run.step
        kind = KINDS.get(step.type)
        if kind is None:
            if step.type in (LAMBDA, CALLBACK):
                listed = run.metadata.get(step.type, {}).get("OutputParameters", [])
                return {
                    "OutputParameters": {
                        each["Name"]: _typed(each["Value"], step.outputs[each["Name"]])
                        for each in listed
                        if each["Name"] in step.outputs
                    }
                }
            return {"Outcome": run.outcome}
        arn = run.metadata[kind.metadata]["Arn"]
        asked = arn if kind.described_by == "ModelPackageName" else arn.rpartition("/")[2]
        found = self._calls.sagemaker(kind.describe, {kind.described_by: asked})
        if kind is TUNING:
            tuned = found["HyperParameterTuningJobConfig"].get(
                "HyperParameterTuningJobObjective", {"Type": "Maximize"}
            )
            listed = self._calls.sagemaker(
                SUMMARIES,
                {
                    kind.name: asked,
                    "SortBy": "FinalObjectiveMetricValue",
                    "SortOrder": "Ascending" if tuned["Type"] == "Minimize" else "Descending",
                },
            )
            found["TrainingJobSummaries"] = listed["TrainingJobSummaries"]
        return found

    def _json_get(self, given: Mapping[str, Any], own: Mapping[str, str]) -> Any:
        if "S3Uri" in given:
            uri = self.resolve(given["S3Uri"], own)
        else:
            asked = references.parse(given["PropertyFile"][GET])
            file = self._runs[asked.name].step.property_files[str(asked.path[1])]
            config = self.properties(asked.name).get("ProcessingOutputConfig", {})
            folder = next(
                (
                    each["S3Output"]["S3Uri"]
                    for each in config.get("Outputs", [])
                    if each["OutputName"] == file["OutputName"] and "S3Output" in each
                ),
                "",
            )
            uri = f"{folder.rstrip('/')}/{file['FilePath'].lstrip('/')}"
        document = self._document(str(uri))
        try:
            return paths.look_up(document, paths.parse(given["Path"]))
        except LookupError as error:
            raise StepError(
                f"ClientError: Unable to find {given['Path']} in {uri}: {error.args[0]}."
            ) from None

    def _document(self, uri: str) -> Any:
        try:
            bucket, key = s3_objects.split(uri)
            found = self._calls.backend.s3.get_object(Bucket=bucket, Key=key)
            content = s3_objects.first(found["Body"], MAX_FILE + 1)
        except (s3_objects.DataError, ClientError, BotoCoreError) as error:
            raise StepError(f"ClientError: Unable to read the JSON file {uri}: {error}") from error
        if len(content) > MAX_FILE:
            raise StepError(f"ClientError: The JSON file {uri} has more than {MAX_FILE} bytes.")
        try:
            return paths.document(content)
        except (ValueError, RecursionError) as error:
            raise StepError(f"ClientError: The file {uri} is no JSON: {error}.") from error


def text(value: Any) -> str:
    """A value as texts have it that it is joined into."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return _time(value)
    return json.dumps(value, default=str)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _typed(value: str, type_: str) -> Any:
    """An output's value, which is kept as a text."""
    if type_ == "Boolean":
        return value.lower() == "true"
    if type_ == "Integer":
        return int(value)
    return float(value) if type_ == "Float" else value
