"""Checks of the settings that need no call: what isn't set, and what AWS has nothing of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.aws_model import instance_types, regions
from harness.checks import Check
from harness.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.config.settings import Settings

# By section of the settings: the instance types that are fit for it, and what they do there.
_INSTANCES = (
    ("training", "TrainingInstanceType", "trains"),
    ("endpoint", "ProductionVariantInstanceType", "serves"),
)


def check_presence(settings: Settings) -> list[Check]:
    """A role and a bucket are set; without them there is nothing to ask AWS about."""
    checks = []
    if not settings.aws.role_arn:
        checks.append(
            Check(
                "role",
                False,
                "no role is set",
                "set aws.role_arn in harness.toml or HARNESS_AWS_ROLE_ARN to a role that trusts "
                "sagemaker.amazonaws.com (docs/aws.md)",
            )
        )
    if not settings.aws.bucket:
        checks.append(
            Check(
                "bucket",
                False,
                "no bucket is set",
                "set aws.bucket in harness.toml or HARNESS_AWS_BUCKET to a bucket in "
                f"{settings.region}",
            )
        )
    return checks


def check_region(settings: Settings) -> Check:
    """AWS has the region."""
    region = settings.region
    if regions.is_known(region):
        return Check("region", True, region)
    return Check(
        "region",
        False,
        f"AWS has no region {region}{_close(region, regions.regions())}",
        "set region in harness.toml or HARNESS_REGION",
    )


def check_instance_types(settings: Settings) -> list[Check]:
    """SageMaker has the instance types, and for what they are to do."""
    checks = []
    for section, shape, does in _INSTANCES:
        instance_type = getattr(settings, section).instance_type
        known = instance_types.named_in(shape)
        if instance_type not in known:
            checks.append(
                Check(
                    "instances",
                    False,
                    f"SageMaker has no instance type {instance_type} that {does}"
                    f"{_close(instance_type, known)}",
                    f"set {section}.instance_type in harness.toml or "
                    f"HARNESS_{section.upper()}_INSTANCE_TYPE; `pip install --upgrade boto3` if it "
                    "is a new one",
                )
            )
    if not checks:
        types = (
            f"{settings.training.instance_type} trains, {settings.endpoint.instance_type} serves"
        )
        checks.append(Check("instances", True, types))
    return checks


def _close(name: str, known: Iterable[str]) -> str:
    found = closest(name, known)
    return f"; did you mean {found}?" if found else ""
