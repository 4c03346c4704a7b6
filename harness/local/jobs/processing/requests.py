"""What CreateProcessingJob refuses beyond AWS's service model, and what it takes for granted."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from harness.aws_model import quotas
from harness.local.core import instances
from harness.local.data import s3_objects
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from types_boto3_sagemaker.type_defs import CreateProcessingJobRequestTypeDef

ROOT = "/opt/ml/processing/"
"""Where inputs and outputs stand (ProcessingS3Input in the API reference)."""

DEFAULT_MAX_RUNTIME = 86_400
"""Seconds, where there is no `StoppingCondition`."""


def inputs(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `ProcessingInputs`, with what AWS fills in where they don't say."""
    return [
        {
            "AppManaged": False,
            **each,
            "S3Input": {
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
                **each["S3Input"],
            },
        }
        for each in request.get("ProcessingInputs") or []
    ]


def outputs(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The outputs of the `ProcessingOutputConfig`, with what AWS fills in."""
    found = request.get("ProcessingOutputConfig", {}).get("Outputs") or []
    return [{"AppManaged": False, **each} for each in found]


def check(request: CreateProcessingJobRequestTypeDef) -> None:
    """Raises `ValidationException` for what isn't run locally, and for what AWS refuses."""
    given: Sequence[Mapping[str, Any]] = request.get("ProcessingInputs") or []
    config: Mapping[str, Any] = request.get("ProcessingOutputConfig", {})
    taken = config.get("Outputs") or []
    cluster = request["ProcessingResources"]["ClusterConfig"]
    modes = {each.get("S3Input", {}).get("S3InputMode") for each in given}
    for what, present in (
        ("ProcessingInputs: S3InputMode Pipe", "Pipe" in modes),
        ("ProcessingResources.ClusterConfig needs InstanceType: other clusters",
         "InstanceType" not in cluster),
    ):  # fmt: skip
        if present:
            raise AwsError("ValidationException", f"{what}: not run by the local AWS, only by AWS.")
    instances.check_count([(cluster["InstanceType"], instance_count(request))], quotas.PROCESSING)
    instances.check_volume_key(cluster["InstanceType"], cluster.get("VolumeKmsKeyId"))
    for what in _faults(given, taken):
        raise AwsError("ValidationException", what)


def instance_count(request: Mapping[str, Any]) -> int:
    """How many instances it asks for; 1 by default (`ProcessingClusterConfig` in the reference)."""
    return int(request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1))


def _faults(
    given: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    for kind, found in (("Input", given), ("Output", taken)):
        names = [each[f"{kind}Name"] for each in found]
        if len(set(names)) != len(names):
            yield f"Processing {kind.lower()} names must be unique: {names}."
        for name, each in zip(names, found, strict=True):
            where = f"Processing {kind.lower()} {name}"
            if f"S3{kind}" not in each:
                yield f"{where}: S3{kind} must be given."
                continue
            place = each[f"S3{kind}"]
            yield from (f"{where}: {fault}" for fault in _place_faults(place))
    yield from _shared(given, taken)


def _shared(
    given: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What two inputs, two outputs, or one of each have as one `LocalPath`.

    One would overwrite the other. AWS refuses it, too, with no words at all (aws/sagemaker-python-
    sdk issues 4939 and 1950).
    """
    by_path: dict[str, str] = {}
    for kind, found in (("Input", given), ("Output", taken)):
        for each in found:
            where = f"processing {kind.lower()} {each[f'{kind}Name']}"
            path = posixpath.normpath(each.get(f"S3{kind}", {}).get("LocalPath", ""))
            other = by_path.setdefault(path, where)
            if other is not where:
                yield (
                    f"LocalPath must be unique, and {path} is that of {other} and of {where}: "
                    "give each a folder of its own."
                )


def _place_faults(place: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a `ProcessingS3Input` or a `ProcessingS3Output`."""
    path = place.get("LocalPath", "")
    parts = set(path.removeprefix(ROOT).split("/"))
    if not path.startswith(ROOT) or ".." in parts or not parts - {"", "."}:
        yield f"LocalPath must be the absolute path of a folder below {ROOT}, and is {path!r}."
    if place.get("S3CompressionType", "None") != "None":
        yield "S3CompressionType Gzip can only be used with the S3InputMode Pipe."
    try:
        s3_objects.split(place["S3Uri"])
    except s3_objects.DataError as error:
        yield f"{error}."
