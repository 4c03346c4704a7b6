"""boto3's waiters for SageMaker, which look every 120 s at a job and every 30 s at an endpoint."""

from __future__ import annotations

import copy
from typing import Any

from harness.aws_model.loader import LOADER

DELAY = 1
"""Seconds between two looks on the local AWS, which asks nothing for one."""

EXTRAS = "waiters-2.sdk-extras.json"
"""What botocore calls a file beside a service's model, in a folder of AWS_DATA_PATH, that is merged
over its waiters."""


def quick(document: dict[str, Any]) -> dict[str, Any]:
    """Waiters that look every `DELAY` seconds, and give up as late as before."""
    found = copy.deepcopy(document)
    for waiter in found["waiters"].values():
        total = waiter["delay"] * waiter["maxAttempts"]
        waiter["delay"], waiter["maxAttempts"] = DELAY, total // DELAY
    return found


def extras() -> tuple[str, dict[str, Any]]:
    """The path of the file below a folder of AWS_DATA_PATH, and what it says."""
    version = LOADER.determine_latest_version("sagemaker", "service-2")
    waiters = quick(LOADER.load_service_model("sagemaker", "waiters-2"))["waiters"]
    return f"sagemaker/{version}/{EXTRAS}", {"version": 1.0, "merge": {"waiters": waiters}}
