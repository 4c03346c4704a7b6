"""What a request for a transform job must be, beyond AWS's service model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.aws_model import quotas
from harness.local.core import instances
from harness.local.data import s3_objects
from harness.local.data.records import RecordError
from harness.local.jobs.transform.filters import CSV, FORMATS, JSON, Path, Processing, kind
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sagemaker.type_defs import CreateTransformJobRequestTypeDef

    from harness.local.hosting.containers.model import Model

MAX_CONCURRENT = 100
"""Requests to an instance at once: what a product of 100 with `MaxPayloadInMB` leaves."""

MAX_PAYLOAD_IN_MB = 100


def check(request: CreateTransformJobRequestTypeDef) -> None:
    """Raises `ValidationException` for what AWS refuses, or isn't run locally."""
    resources = request["TransformResources"]
    instances.check_count(
        [(resources["InstanceType"], resources["InstanceCount"])], quotas.TRANSFORM
    )
    instances.check_volume_key(resources["InstanceType"], resources.get("VolumeKmsKeyId"))
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    concurrent = request.get("MaxConcurrentTransforms", 0)
    payload = request.get("MaxPayloadInMB", 0)
    checks = {
        "S3DataType: AugmentedManifestFile is not compatible with transform jobs.": (
            source["S3DataType"] == "AugmentedManifestFile"
        ),
        f"MaxPayloadInMB cannot be greater than {MAX_PAYLOAD_IN_MB}.": payload > MAX_PAYLOAD_IN_MB,
        f"MaxConcurrentTransforms * MaxPayloadInMB cannot exceed {MAX_PAYLOAD_IN_MB}, as "
        f"{concurrent} * {payload} does.": concurrent * payload > MAX_PAYLOAD_IN_MB,
        "BatchStrategy MultiRecord needs a SplitType of Line, RecordIO or TFRecord; SplitType "
        "None sends each object as a whole.": (
            request.get("BatchStrategy") == "MultiRecord"
            and request["TransformInput"].get("SplitType", "None") == "None"
        ),
        f"MaxConcurrentTransforms cannot be greater than {MAX_CONCURRENT}.": (
            concurrent > MAX_CONCURRENT
        ),
    }
    for words, wrong in checks.items():
        if wrong:
            raise AwsError("ValidationException", words)
    try:
        s3_objects.split(source["S3Uri"])
        s3_objects.split(request["TransformOutput"]["S3OutputPath"])
    except s3_objects.DataError as error:
        raise AwsError("ValidationException", f"{error}.") from error
    processing(request)


def check_model(model: Model) -> None:
    """Raises `ValidationException` for a model that no transform job can have.

    (`ModelDataSource` in the API reference of ContainerDefinition.)
    """
    if "ModelDataSource" in model.container:
        raise AwsError(
            "ValidationException",
            f'Model "{model.arn}" has a ModelDataSource, which can\'t be used with transform '
            "jobs; give its ModelDataUrl.",
        )


def processing(request: Mapping[str, Any]) -> Processing | None:
    """The job's `DataProcessing`; None if it leaves everything as it is."""
    asked = request.get("DataProcessing", {})
    content_type = request["TransformInput"].get("ContentType", "")
    accept = request["TransformOutput"].get("Accept", content_type)
    paths = {}
    for name in ("InputFilter", "OutputFilter"):
        text = asked.get(name) or "$"
        try:
            paths[name] = Path.parse(text, content_type)
        except RecordError as error:
            raise AwsError("ValidationException", f'Invalid {name}: "{text}". {error}') from error
    join = asked.get("JoinSource") == "Input"
    if not join and all(path.is_root for path in paths.values()):
        return None
    given, answered = kind(content_type), kind(accept)
    if given not in FORMATS or answered not in FORMATS or (given == CSV) != (answered == CSV):
        raise AwsError(
            "ValidationException",
            "DataProcessing: ContentType and Accept must be the same, one of "
            f"{', '.join(FORMATS)}; they are {content_type!r} and {accept!r}.",
        )
    if given == CSV and request["TransformInput"].get("SplitType") != "Line":
        raise AwsError(
            "ValidationException",
            f"DataProcessing: for {CSV}, SplitType and AssembleWith must be Line.",
        )
    by_line = given != JSON or request["TransformInput"].get("SplitType") == "Line"
    return Processing(given, by_line, paths["InputFilter"], join, paths["OutputFilter"])
