"""SageMaker's quotas of instances: AWS's names and codes, and the values of a new account.

There is one of each use of each instance type, and one of each use across all types. AWS's own list
of them can only be had with an account.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.aws_model import instance_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICE = "sagemaker"
"""SageMaker's code at Service Quotas."""

TRAINING = "{} for training job usage"
SPOT_TRAINING = "{} for spot training job usage"
ENDPOINT = "{} for endpoint usage"
PROCESSING = "{} for processing job usage"
TRANSFORM = "{} for transform job usage"

ALL_TRAINING = "Number of instances across all training jobs"
ALL_SPOT_TRAINING = "Number of instances across all spot training jobs"
ALL_ENDPOINTS = "Number of instances across active endpoints"

CODES = {
    TRAINING.format("ml.m5.large"): "L-611FA074",
    SPOT_TRAINING.format("ml.m5.large"): "L-29688C85",
    ENDPOINT.format("ml.t2.medium"): "L-29C181D7",
    ALL_TRAINING: "L-00C91CB5",
    ALL_ENDPOINTS: "L-7A3DF611",
}
"""AWS's codes of some quotas, by name, the same in every account. Only AWS lists them all."""

# By quota: the enumeration of instance types in SageMaker's service model.
_BY_TYPE = {
    TRAINING: "TrainingInstanceType",
    SPOT_TRAINING: "TrainingInstanceType",
    "{} for training warm pool usage": "TrainingInstanceType",
    ENDPOINT: "ProductionVariantInstanceType",
    PROCESSING: "ProcessingInstanceType",
    TRANSFORM: "TransformInstanceType",
}
_ACROSS_TYPES = (ALL_TRAINING, ALL_SPOT_TRAINING, ALL_ENDPOINTS)

# Of a new account at its better: none with accelerators, some of the rest.
_ACCELERATED = ("ml.p", "ml.g", "ml.inf", "ml.trn", "ml.dl", "ml.eia")
_INSTANCES = 4.0
_INSTANCES_ACROSS_TYPES = 20.0


@dataclass(frozen=True)
class Quota:
    """One quota, and its value in an account that has asked for nothing."""

    name: str
    default: float

    @property
    def code(self) -> str:
        """AWS's, or one of that form where it isn't known."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()
        return CODES.get(self.name, f"L-{digest[:8].upper()}")


@functools.cache
def quotas() -> Mapping[str, Quota]:
    """SageMaker's quotas by code."""
    return {quota.code: quota for quota in _all()}


def _all() -> Iterator[Quota]:
    for pattern, shape in _BY_TYPE.items():
        for instance_type in instance_types.named_in(shape):
            accelerated = instance_type.startswith(_ACCELERATED)
            yield Quota(pattern.format(instance_type), 0.0 if accelerated else _INSTANCES)
    for name in _ACROSS_TYPES:
        yield Quota(name, _INSTANCES_ACROSS_TYPES)
