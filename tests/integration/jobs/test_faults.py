"""Faults on demand that befall jobs: what AWS would say of them, and how they go on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.config.faults import Fault
from harness.local.jobs import cluster
from harness.local.jobs.job import NO_CAPACITY
from tests.integration.training import artifacts, channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.local.aws import LocalAWS
    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)

TWO = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that don't hear SIGTERM are killed at once, where a host has failed."""
    monkeypatch.setattr(cluster, "FAILURE_GRACE", 1)


@pytest.fixture
def add(local_aws: LocalAWS) -> Iterator[Callable[..., None]]:
    """Adds a fault that is to happen as often as it says; at the end it must have."""
    rules = []

    def add(**members: Any) -> None:
        rules.append(local_aws.faults.add(Fault(**members)))

    yield add
    for rule in rules:
        local_aws.faults.remove(rule.id)
        assert rule.happened == rule.fault.count


def test_no_capacity(aws: AWS, create: Callable[..., str], add: Callable[..., None]) -> None:
    add(event="InsufficientInstanceCapacity", operation="CreateTrainingJob", count=1)
    job = finish(aws, create())
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == f"{NO_CAPACITY} (injected)"
    assert finish(aws, create())["TrainingJobStatus"] == "Completed"


@pytest.mark.slow
def test_an_interruption_of_spot_instances(
    aws: AWS, create: Callable[..., str], names: Names, add: Callable[..., None]
) -> None:
    name = names.new("job")
    add(event="SpotInterruption", resource=name, delay=1, count=1)
    create(
        TrainingJobName=name,
        CheckpointConfig={"S3Uri": f"s3://{aws.bucket}/{names.new('checkpoints')}"},
        Environment={"PROBE": "spot", "CHECKPOINTS": "/opt/ml/checkpoints"},
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 120, "MaxWaitTimeInSeconds": 120},
    )
    job = finish(aws, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    steps = [(s["Status"], s["StatusMessage"]) for s in job["SecondaryStatusTransitions"]]
    assert ("Interrupted", "Training job interrupted (injected)") in steps
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(files["checkpoints.json"]) == {"step-1": "after 0"}


def test_a_kill_for_want_of_memory(
    aws: AWS, create: Callable[..., str], add: Callable[..., None]
) -> None:
    add(event="OutOfMemory", delay=0.5, count=1)
    job = finish(aws, create("until-sigterm"))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == f"{cluster.OUT_OF_MEMORY} (injected)"


@pytest.mark.slow
def test_a_host_that_is_lost_and_a_job_that_is_tried_again(
    aws: AWS, create: Callable[..., str], add: Callable[..., None]
) -> None:
    add(event="HostLost", host="algo-2", count=2)
    lost = finish(aws, create("until-sigterm", ResourceConfig=TWO))
    assert lost["TrainingJobStatus"] == "Failed"
    assert lost["FailureReason"] == (
        "InternalServerError: We encountered an internal error. Please try again. (injected)"
    )
    again = finish(
        aws, create("hosts", ResourceConfig=TWO, RetryStrategy={"MaximumRetryAttempts": 1})
    )
    assert again["TrainingJobStatus"] == "Completed", again.get("FailureReason")
    steps = [step["Status"] for step in again["SecondaryStatusTransitions"]]
    assert steps.count("Training") == 2


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_s3_that_fails_in_the_middle_of_a_channel(
    aws: AWS,
    create: Callable[..., str],
    names: Names,
    probe_image: str,
    add: Callable[..., None],
    mode: str,
) -> None:
    add(event="DataError", megabytes=1, count=1)
    prefix = names.new("data")
    for key in "abc":
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{key}", Body=bytes(1_000_000))
    source = {**channel("train", f"s3://{aws.bucket}/{prefix}/"), "InputMode": mode}
    members: dict[str, Any] = {"InputDataConfig": [source]}
    if mode == "Pipe":
        program = "open('/opt/ml/input/data/train_0', 'rb').read()"
        members["AlgorithmSpecification"] = {
            "TrainingImage": probe_image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c", program],
        }
    job = finish(aws, create(**members))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed: ")
    assert "(InternalError) when calling the GetObject operation" in job["FailureReason"]
    assert job["FailureReason"].endswith(f"({mode} mode) (injected)")


def test_s3_that_is_slow_and_a_job_that_is_stopped_meanwhile(
    aws: AWS, create: Callable[..., str], names: Names, add: Callable[..., None]
) -> None:
    add(event="SlowData", latency=600, count=1)
    prefix = names.new("data")
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/a", Body=bytes(1_000_000))
    name = create(InputDataConfig=[channel("train", f"s3://{aws.bucket}/{prefix}/")])

    def downloads() -> bool:
        job = aws.sagemaker.describe_training_job(TrainingJobName=name)
        return job["SecondaryStatus"] == "Downloading"

    aws.wait_until(downloads, "data is on its way")
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    assert finish(aws, name)["TrainingJobStatus"] == "Stopped"
