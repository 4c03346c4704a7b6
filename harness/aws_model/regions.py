"""AWS's regions and the partitions they are in, as far as the installed botocore knows them."""

from __future__ import annotations

import functools
import re

from harness.aws_model.loader import LOADER


def regions() -> list[str]:
    """The regions of all partitions."""
    partitions = LOADER.load_data("partitions")["partitions"]
    return [region for each in partitions for region in each["regions"]]


def is_known(region: str) -> bool:
    """Whether AWS has the region."""
    return region in regions()


@functools.cache
def partition(region: str) -> str:
    """The ARN partition of a region; that of a name nobody knows is `aws`."""
    for candidate in LOADER.load_data("partitions")["partitions"]:
        if re.fullmatch(candidate["regionRegex"], region):
            return str(candidate["id"])
    return "aws"


def main_region(region: str) -> str:
    """The region of the same partition that is always enabled."""
    of = partition(region)
    return {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}.get(of, "us-east-1")
