"""SageMaker's instance types: which there are, their memory, and the images that they run."""

from __future__ import annotations

import re

from harness.aws_model.loader import LOADER

GIB = 1 << 30

# GPUs of an instance ("Accelerated computing" in the EC2 guide): of each size of a family, or of
# every size that isn't named.
_GPUS: dict[str, dict[str, int]] = {
    "g4dn": {"": 1, "12xlarge": 4},
    "g5": {"": 1, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6": {"": 1, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6e": {"": 1, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g7": {"": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    "g7e": {"": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    "p2": {"": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"": 1, "8xlarge": 4, "16xlarge": 8},
    "p5": {"": 8, "4xlarge": 1},
    "p6e-gb200": {"": 4},
}
_OTHER_GPUS = re.compile(r"[gp]\d")
_MOST_GPUS = 8
"""GPUs of the families that have no line: p3dn, p4d, p4de, p5e, p5en, p6-b200, …"""

# AWS's and others' accelerators that aren't GPUs: Inferentia, Trainium, Gaudi.
_OTHER_ACCELERATORS = re.compile(r"ml\.(inf|trn|dl)\d")

# GiB of an instance of the size `large`, by family, or by its first letter where there is a rule.
# A `medium` has half of it, an `xlarge` twice as much, an `Nxlarge` N times what an `xlarge` has.
_LARGE = {
    "c": 4.0,
    "c4": 3.75,
    "c5n": 5.25,
    "g4dn": 8.0,
    "g5": 8.0,
    "g6": 8.0,
    "g6e": 16.0,
    "inf1": 4.0,
    "inf2": 8.0,
    "m": 8.0,
    "r": 16.0,
    "t": 8.0,
}
_RULED = "cmrt"

# Instances with Arm processors: AWS's Graviton (m6g, c7gn, r6gd, but not the GPUs' g5 and g4dn)
# and Nvidia's Grace (p6e-gb200).
_ARM = re.compile(r"ml\.(?:[a-z]+\d+g[a-z]*\.|[a-z0-9]+-gb\d)")

# Instances with NVMe disks ("Instance store volumes" in the EC2 guide): a d in the family's name,
# and the newer GPUs.
_OWN_DISK = re.compile(
    r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g[5-9][a-z]*|p5[a-z]*|p6[a-z0-9-]*|trn\d[a-z]*)\."
)


def named_in(shape: str) -> list[str]:
    """The instance types of an enumeration of SageMaker's service model."""
    model = LOADER.load_service_model("sagemaker", "service-2")
    return list(model["shapes"][shape]["enum"])


def architecture(instance_type: str) -> str:
    """That of the images an instance type runs, in Docker's words: amd64 or arm64."""
    return "arm64" if _ARM.match(instance_type) else "amd64"


def memory(instance_type: str) -> int | None:
    """Bytes of an `ml.` instance type; None of those larger than the machines people work on."""
    _, _, kind = instance_type.partition("ml.")
    family, _, size = kind.partition(".")
    large = _LARGE.get(family)
    if large is None and family[:1] in _RULED and family[1:2].isdigit():
        large = _LARGE[family[0]]
    times = _times(size)
    return int(large * times * GIB) if large and times else None


def cpus(instance_type: str) -> int | None:
    """Virtual processors of an `ml.` instance type, where its memory is known, too."""
    if memory(instance_type) is None:
        return None
    _, _, kind = instance_type.partition("ml.")
    family, _, size = kind.partition(".")
    if size == "medium":
        return 2 if family.startswith("t") else 1
    return round(2 * (_times(size) or 1))


def gpus(instance_type: str) -> int:
    """GPUs of an `ml.` instance type."""
    _, _, kind = instance_type.partition("ml.")
    family, _, size = kind.partition(".")
    if not _OTHER_GPUS.match(family):
        return 0
    sizes = _GPUS.get(family, {"": _MOST_GPUS})
    return sizes.get(size, sizes[""])


def has_other_accelerators(instance_type: str) -> bool:
    """Whether it has accelerators that aren't GPUs, which AWS alone has."""
    return _OTHER_ACCELERATORS.match(instance_type) is not None


def has_own_disk(instance_type: str) -> bool:
    """Whether jobs get its own disks, however large, and no volume of the size they ask for."""
    return _OWN_DISK.match(instance_type) is not None


def _times(size: str) -> float | None:
    """How many times a `large` an instance of this size is."""
    number, found, rest = size.partition("xlarge")
    if found and not rest and (number.isdigit() or not number):
        return 2.0 * int(number or 1)
    return {"medium": 0.5, "large": 1.0}.get(size)
