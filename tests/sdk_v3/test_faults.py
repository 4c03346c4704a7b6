"""The SDK's own waiters, while the local AWS is throttled, fails and hangs up on demand."""

from __future__ import annotations

import json

import pytest

from tests.command import harness
from tests.sdk_v3 import support


def faults(*arguments: str) -> list[dict[str, object]]:
    found: dict[str, list[dict[str, object]]] = json.loads(
        harness("faults", *arguments, "--json").splitlines()[-1]
    )
    return found["faults"]


@pytest.mark.parametrize(
    "effect", [("--error", "Throttling"), ("--status", "500"), ("--reset",)], ids=" ".join
)
def test_a_job_is_waited_for_all_the_same(image, role, bucket, channels, name, effect):
    names = [
        str(faults("add", "--operation", operation, "--count", "2", *effect)[0]["id"])
        for operation in ("CreateTrainingJob", "DescribeTrainingJob")
    ]
    try:
        job = support.create_training_job(name, image, role, bucket, channels)
        job.wait(poll=1, timeout=support.WAIT)
    finally:
        removed = [faults("remove", each)[0] for each in names]
    assert job.training_job_status == "Completed"
    assert [each["happened"] for each in removed] == [2, 2]
