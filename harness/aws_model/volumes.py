"""The size of an instance's storage volume where no request says it."""

from __future__ import annotations

import re

DEFAULT_GB = 30
"""Of an EBS volume (awslabs/graphstorm issue 309: training and inference instances have 30 GB)."""

INSTANCE_STORE_GB = 125
"""Of the NVMe disks that come with some types, which replace the volume: what the smallest of the
popular ones, ml.g4dn.xlarge, has ("Amazon EC2 instance types")."""

_INSTANCE_STORE = re.compile(
    r"ml\.(?:g4dn|g5|g6e?|gr6|p4de?|p5(?:en?)?|trn\d|[a-z]+\d[a-z]*d[a-z]*)\."
)


def has_own_disks(instance_type: str) -> bool:
    """Whether instances of the type come with disks, which replace the volume."""
    return bool(_INSTANCE_STORE.match(instance_type))


def size(instance_type: str, requested: int | None = None) -> int:
    """GB of the volume of an instance.

    What is requested (`VolumeSizeInGB`) is of no account to types that have disks of their own
    (`ResourceConfig` in the API reference).
    """
    if has_own_disks(instance_type):
        return max(INSTANCE_STORE_GB, requested or 0)
    return requested or DEFAULT_GB
