"""What requests about pipelines bring: definitions, names, outputs of callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.data import s3_objects
from harness.local.pipelines.definition.parameters import Parameter
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_s3 import S3Client

    from harness.local.pipelines.steps.run import StepRun

MAX_DEFINITION = 1_048_576
"""Bytes, wherever it stands (`PipelineDefinition` in the service model)."""


def definition(s3: S3Client, request: Mapping[str, Any]) -> str | None:
    """The definition that a request brings, or names in S3; None if it does neither."""
    inline, location = (
        request.get("PipelineDefinition"),
        request.get("PipelineDefinitionS3Location"),
    )
    if inline is not None and location is not None:
        raise _refusal(
            "Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present"
        )
    if location is None:
        return inline
    where = f"s3://{location['Bucket']}/{location['ObjectKey']}"
    version = {"VersionId": location["VersionId"]} if "VersionId" in location else {}
    try:
        found: Any = s3.get_object(Bucket=location["Bucket"], Key=location["ObjectKey"], **version)
        content = s3_objects.first(found["Body"], MAX_DEFINITION + 1)
    except (ClientError, BotoCoreError) as error:
        raise _refusal(f"Unable to read the pipeline definition at {where}: {error}") from error
    if len(content) > MAX_DEFINITION:
        raise _refusal(f"The pipeline definition at {where} has more than {MAX_DEFINITION} bytes")
    try:
        return str(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refusal(f"The pipeline definition at {where} is no UTF-8") from error


def required_definition(s3: S3Client, request: Mapping[str, Any]) -> str:
    """The same, of a request that must have one."""
    found = definition(s3, request)
    if found is None:
        raise _refusal(
            "Either Pipeline Definition or Pipeline Definition S3 location should be provided"
        )
    return found


def check_outputs(run: StepRun, given: Sequence[Mapping[str, str]]) -> None:
    """Refuse outputs that a Callback step doesn't have, or that are of another type."""
    types = run.step.outputs
    for each in given:
        if each["Name"] not in types:
            raise _refusal(f"OutputParameters: step '{run.name}' has no output '{each['Name']}'")
        try:
            Parameter(each["Name"], types[each["Name"]], None, ()).value(each["Value"])
        except AwsError:
            raise _refusal(
                f"OutputParameters: '{each['Value']}' is not of type {types[each['Name']]}, which "
                f"output '{each['Name']}' has"
            ) from None


def _refusal(why: str) -> AwsError:
    return AwsError("ValidationException", f"{why}.")
