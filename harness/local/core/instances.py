"""How many instances a request may ask for, and for how long: refused before anything is made.

AWS's quotas are an account's, and those of a new one are 0 for many types, which would stop people
here from what they do on AWS. So one bound holds here for all: 100 instances of a request, which is
what AWS's service model has for processing jobs, five times AWS's own default for a training job
and more than a machine runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.aws_model import instance_types, quotas, volumes
from harness.errors import EngineError
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.local.core.backend import Backend

MAX_INSTANCES = 100
"""Instances of a job, or of an endpoint."""

MAX_VOLUME_GB = 16_384
"""GB of an instance's volume (the largest of EBS, and of `ProcessingClusterConfig`)."""

MAX_RUNTIME = 28 * 24 * 3600
"""Seconds of a job (`StoppingCondition` in AWS's API reference)."""


def check_count(asked: Iterable[tuple[str, int]], quota: str) -> None:
    """Raises AWS's `ResourceLimitExceeded` if the instance types and counts come to too many.

    `quota` is one of `quotas`' patterns, such as `quotas.TRAINING`.
    """
    counts = list(asked)
    total = sum(count for _, count in counts)
    if total > MAX_INSTANCES:
        instance_type, _ = max(counts, key=lambda each: each[1])
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{quota.format(instance_type)}' is "
            f"{MAX_INSTANCES} Instances, with current utilization of 0 Instances and a request "
            f"delta of {total} Instances. Please use AWS Service Quotas to request an increase "
            "for this quota. If AWS Service Quotas is not available, contact AWS support to "
            "request an increase for this quota.",
        )


def check_variants(variants: Iterable[Mapping[str, Any]]) -> None:
    """The same for an endpoint's `ProductionVariants`."""
    check_count(
        ((each.get("InstanceType", ""), each.get("InitialInstanceCount", 1)) for each in variants),
        quotas.ENDPOINT,
    )


def check_volume_key(instance_type: str, key: str | None) -> None:
    """Raises `ValidationException` for a key of a volume that instances of the type don't have.

    (`VolumeKmsKeyId` in AWS's API reference: local storage has a key of its own.)
    """
    if key and volumes.has_own_disks(instance_type):
        raise AwsError(
            "ValidationException",
            f"VolumeKmsKeyId: it can't be requested for the instance type {instance_type}, which "
            "has local storage.",
        )


def check_accelerators(backend: Backend, asked: Iterable[str]) -> None:
    """Raises `ValidationException` for instance types whose GPUs the Docker engine hasn't.

    And for those with Inferentia, Trainium or Gaudi, which AWS alone has.
    """
    if backend.ignores_gpus:
        return
    way_out = 'gpu = "ignore" in [local] of harness.toml (HARNESS_LOCAL_GPU=ignore) runs it without'
    for each in asked:
        if instance_types.has_other_accelerators(each):
            raise AwsError(
                "ValidationException", f"{each} has accelerators that only AWS has; {way_out}."
            )
        if instance_types.gpus(each) and not _has_gpus(backend):
            raise AwsError(
                "ValidationException",
                f"{each} has GPUs, and the Docker engine has none; {way_out}.",
            )


def _has_gpus(backend: Backend) -> bool:
    try:
        return backend.containers.has_gpus()
    except EngineError:
        return True  # it doesn't answer, which the job's own failure says better


def check_at_least_one(count: int, where: str) -> None:
    """Raises `ValidationException` for none, which AWS's service model lets through."""
    if count < 1:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{count}' at '{where}' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1",
        )


def check_at_most(value: int, most: int, where: str) -> None:
    """Raises `ValidationException` for more than AWS's documentation says, if not its model."""
    if value > most:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{where}' failed to satisfy "
            f"constraint: Member must have value less than or equal to {most}",
        )
