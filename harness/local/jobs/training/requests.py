"""What CreateTrainingJob refuses, beyond what AWS's service model says."""

from __future__ import annotations

import itertools
import posixpath
from typing import TYPE_CHECKING, Any

from harness.aws_model import quotas
from harness.limits import expressions
from harness.local.core import instances
from harness.local.data import opt_ml, s3_objects
from harness.local.jobs.inputs import check_has_objects
from harness.local.jobs.training import observed
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker.type_defs import (
        ChannelUnionTypeDef,
        CreateTrainingJobRequestTypeDef,
        MetricDefinitionTypeDef,
    )

    from harness.local.protocol.messages import RequestContext

DEFAULT_MAX_RUNTIME = 86_400
"""Seconds, where `MaxRuntimeInSeconds` isn't given (StoppingCondition in the API reference)."""


PROFILING_INTERVALS = (100, 200, 500, 1000, 5000, 60_000)
"""What `ProfilingIntervalInMilliseconds` may be (ProfilerConfig in the API reference)."""


def hosts(resources: Mapping[str, Any]) -> list[opt_ml.Host]:
    """The hosts of a `ResourceConfig`, numbered through its instance groups."""
    numbers = itertools.count(1)
    return [
        opt_ml.Host(
            f"algo-{next(numbers)}",
            group["InstanceType"],
            group.get("InstanceGroupName", opt_ml.HOMOGENEOUS),
        )
        for group in _groups(resources)
        for _ in range(group.get("InstanceCount", 1))
    ]


def _groups(resources: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The instance groups of a `ResourceConfig`; a homogeneous one is a group itself."""
    return resources.get("InstanceGroups") or [resources]


def input_mode(request: Mapping[str, Any], channel: Mapping[str, Any]) -> str:
    """`File`, `FastFile` or `Pipe`."""
    return str(channel.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"]))


def check(request: CreateTrainingJobRequestTypeDef) -> None:
    """Raises `ValidationException` for what isn't run locally, and for what AWS refuses."""
    _check_supported(request)
    _check(request)


def check_data(
    client: S3Client, context: RequestContext, request: CreateTrainingJobRequestTypeDef
) -> None:
    """Raises `ValidationException` if a channel has no data, or a place isn't in S3."""
    places = {"OutputDataConfig.S3OutputPath": request["OutputDataConfig"]["S3OutputPath"]}
    if "CheckpointConfig" in request:
        places["CheckpointConfig.S3Uri"] = request["CheckpointConfig"]["S3Uri"]
    places |= observed.places(request)
    for member, uri in places.items():
        try:
            s3_objects.split(uri)
        except s3_objects.DataError as error:
            raise AwsError("ValidationException", f"{member}: {error}.") from error
    for channel in request.get("InputDataConfig") or []:
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        check_has_objects(client, context, uri, request["RoleArn"])


def _check_supported(request: CreateTrainingJobRequestTypeDef) -> None:
    """Refuse what isn't run locally, in one sentence, rather than ignore it."""
    specification: Mapping[str, Any] = request.get("AlgorithmSpecification", {})
    resources: Mapping[str, Any] = request.get("ResourceConfig", {})
    inputs = request.get("InputDataConfig") or []
    sources = [channel["DataSource"].get("S3DataSource") for channel in inputs]
    kinds = {source["S3DataType"] for source in sources if source}
    _check_algorithm(specification)
    checks = [
        ("AlgorithmSpecification.TrainingImage must be given: algorithms by name",
         not specification.get("TrainingImage")),
        ("ResourceConfig.InstanceType must be given: other clusters",
         not resources.get("InstanceType") and not resources.get("InstanceGroups")),
        ("DataSource: sources other than S3DataSource", not all(sources)),
        ("S3DataType Converse", "Converse" in kinds),
    ]  # fmt: skip
    for what, present in checks:
        if present:
            raise AwsError("ValidationException", f"{what}: not run by the local AWS, only by AWS.")


def _check_algorithm(specification: Mapping[str, Any]) -> None:
    """An algorithm or an image (`AlgorithmSpecification` in the API reference)."""
    if specification.get("TrainingImage") and specification.get("AlgorithmName"):
        raise AwsError(
            "ValidationException",
            "AlgorithmSpecification: AlgorithmName and TrainingImage are mutually exclusive; give "
            "only one of them.",
        )
    config = specification.get("TrainingImageConfig", {})
    if config.get("TrainingRepositoryAuthConfig") and (
        config.get("TrainingRepositoryAccessMode") != "Vpc"
    ):
        raise AwsError(
            "ValidationException",
            "TrainingImageConfig: TrainingRepositoryAuthConfig can be given only where "
            "TrainingRepositoryAccessMode is Vpc.",
        )


def _check(request: CreateTrainingJobRequestTypeDef) -> None:
    """Refuse what AWS refuses, beyond what its service model says."""
    inputs = request.get("InputDataConfig") or []
    resources = request["ResourceConfig"]
    names = [channel["ChannelName"] for channel in inputs]
    if len(set(names)) != len(names):
        raise AwsError("ValidationException", f"Channel names must be unique: {names}.")
    if {".", ".."} & set(names):
        raise AwsError("ValidationException", "ChannelName: '.' and '..' are no folder's names.")
    _check_metrics(request["AlgorithmSpecification"].get("MetricDefinitions") or [])
    _check_instances(resources, spot=bool(request.get("EnableManagedSpotTraining")))
    _check_rules(request)
    groups = {group.get("InstanceGroupName", opt_ml.HOMOGENEOUS) for group in _groups(resources)}
    for channel in inputs:
        _check_channel(channel, groups, input_mode(request, channel))
    _check_pipes(request, inputs)
    condition = request.get("StoppingCondition", {})
    instances.check_at_most(
        condition.get("MaxRuntimeInSeconds", 0),
        instances.MAX_RUNTIME,
        "stoppingCondition.maxRuntimeInSeconds",
    )
    wait = condition.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise AwsError(
                "ValidationException",
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining "
                "is set to true",
            )
    elif wait is None or wait < condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME):
        raise AwsError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds",
        )
    checkpoints = request.get("CheckpointConfig", {})
    path = checkpoints.get("LocalPath", opt_ml.CHECKPOINTS)
    if not path.startswith("/") or not path.strip("/") or ".." in path.split("/"):
        raise AwsError(
            "ValidationException",
            f"CheckpointConfig.LocalPath: {path!r} is not the absolute path of a folder.",
        )
    if posixpath.normpath(path) in {f"/opt/ml/input/data/{name}" for name in names}:
        raise AwsError(
            "ValidationException",
            f"CheckpointConfig.LocalPath: {path!r} is the folder of a channel, whose files would "
            "be among the checkpoints.",
        )


def _check_metrics(definitions: Sequence[MetricDefinitionTypeDef]) -> None:
    room = expressions.MAX_SIZE
    for each in definitions:
        try:
            expressions.compile(each["Regex"])
        except ValueError as error:
            raise AwsError(
                "ValidationException",
                f"MetricDefinitions: {each['Regex']!r} is not a regular expression: {error}.",
            ) from error
        room -= expressions.size(each["Regex"])
        if room < 0:
            raise AwsError(
                "ValidationException",
                "MetricDefinitions: the regular expressions' repetitions together may come to more "
                f"than {expressions.MAX_SIZE} parts.",
            )


def _check_rules(request: Mapping[str, Any]) -> None:
    """Names that must be unique among their like, and values that the model doesn't list."""
    _check_unique(
        "ProfilerRuleConfigurations: rule configuration names",
        request.get("ProfilerRuleConfigurations") or [],
        "RuleConfigurationName",
    )
    _check_unique(
        "DebugHookConfig.CollectionConfigurations: collection names",
        request.get("DebugHookConfig", {}).get("CollectionConfigurations") or [],
        "CollectionName",
    )
    interval = request.get("ProfilerConfig", {}).get("ProfilingIntervalInMilliseconds")
    if interval is not None and interval not in PROFILING_INTERVALS:
        raise AwsError(
            "ValidationException",
            f"ProfilerConfig.ProfilingIntervalInMilliseconds: {interval} is none of "
            f"{', '.join(map(str, PROFILING_INTERVALS))}.",
        )


def _check_unique(what: str, configurations: Sequence[Mapping[str, Any]], member: str) -> None:
    names = [each.get(member) for each in configurations]
    if len(set(names)) != len(names):
        raise AwsError("ValidationException", f"{what} must be unique: {names}.")


def _check_instances(resources: Mapping[str, Any], *, spot: bool) -> None:
    if "InstanceGroups" in resources and {"InstanceType", "InstanceCount"} & resources.keys():
        raise AwsError(
            "ValidationException",
            "ResourceConfig: give either InstanceGroups, or InstanceType and InstanceCount.",
        )
    _check_unique(
        "ResourceConfig.InstanceGroups: names",
        resources.get("InstanceGroups") or [],
        "InstanceGroupName",
    )
    for group in _groups(resources):
        instances.check_volume_key(group["InstanceType"], resources.get("VolumeKmsKeyId"))
    groups = [(each["InstanceType"], each.get("InstanceCount", 1)) for each in _groups(resources)]
    instances.check_count(groups, quotas.SPOT_TRAINING if spot else quotas.TRAINING)
    instances.check_at_least_one(sum(count for _, count in groups), "resourceConfig.instanceCount")
    instances.check_at_most(
        resources.get("VolumeSizeInGB", 0), instances.MAX_VOLUME_GB, "resourceConfig.volumeSizeInGB"
    )


def _check_channel(channel: ChannelUnionTypeDef, groups: set[str], mode: str) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
    is_augmented = source["S3DataType"] == "AugmentedManifestFile"
    for present, words in (
        (
            mode != "Pipe" and channel.get("CompressionType", "None") != "None",
            "CompressionType is used only in Pipe input mode; leave it unset, or set it to None.",
        ),
        (
            mode != "Pipe" and is_augmented,
            "AugmentedManifestFile can only be used if the Channel's input mode is Pipe.",
        ),
        (
            is_augmented and not source.get("AttributeNames"),
            "AttributeNames must say which attributes of the AugmentedManifestFile to send.",
        ),
        (
            not set(source.get("InstanceGroupNames") or []) <= groups,
            f"InstanceGroupNames must be among {sorted(groups)}.",
        ),
    ):
        if present:
            raise AwsError("ValidationException", f"Channel {name}: {words}")


def _check_pipes(
    request: CreateTrainingJobRequestTypeDef, inputs: Sequence[ChannelUnionTypeDef]
) -> None:
    """Refuse a channel of files whose folder would stand where another's pipe of an epoch does."""
    modes = {channel["ChannelName"]: input_mode(request, channel) for channel in inputs}
    for name, mode in modes.items():
        stem, _, epoch = name.rpartition("_")
        if mode != "Pipe" and epoch.isdecimal() and modes.get(stem) == "Pipe":
            raise AwsError(
                "ValidationException",
                f"Channel {name}: its folder has the name of a pipe of channel {stem}.",
            )
