"""botocore's service models and partitions: what AWS says of its own APIs."""

from __future__ import annotations

import functools
import re

import botocore.loaders

from harness.local.protocol.errors import AwsError as AwsError

LOADER = botocore.loaders.create_loader()
"""Loads service models, each once. A botocore session that has it as its `data_loader`
component shares them, and makes its clients in a fraction of the time (SageMaker's model alone
takes 45 ms to load)."""


@functools.cache
def partition(region: str) -> str:
    """The ARN partition of a region; that of a name nobody knows is `aws`."""
    for candidate in LOADER.load_data("partitions")["partitions"]:
        if re.fullmatch(candidate["regionRegex"], region):
            return str(candidate["id"])
    return "aws"
