"""Managed spot training, with an interruption that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.training import artifacts, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)

GROUP = "/aws/sagemaker/TrainingJobs"


def spot(runtime: int, wait: int) -> dict[str, Any]:
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": runtime, "MaxWaitTimeInSeconds": wait},
    }


def test_an_interrupted_job_goes_on_from_its_checkpoint(
    aws: AWS, create: Callable[..., str], names: Names
) -> None:
    name = create(
        CheckpointConfig={"S3Uri": f"s3://{aws.bucket}/{names.new('checkpoints')}"},
        Environment={"PROBE": "spot", "CHECKPOINTS": "/opt/ml/checkpoints"},
        **spot(120, 120),
    )
    aws.wait_for_log(GROUP, name, "waiting for an interruption")
    arn = aws.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "harness:interrupt", "Value": "now"}])
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Interrupted",
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert job["EnableManagedSpotTraining"] is True
    assert job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(files["checkpoints.json"]) == {"step-1": "after 0"}


def test_a_job_that_waits_too_long_is_stopped(aws: AWS, create: Callable[..., str]) -> None:
    # Downloading counts towards the wait, and not towards the run time, so the wait ends first.
    job = finish(aws, create("until-sigterm", **spot(3, 3)))

    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxWaitTimeExceeded"
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert files["checkpoint.txt"] == b"saved on SIGTERM"
