"""Transfers that take longer than the engine is waited for, that must break off, or don't fit."""

from __future__ import annotations

import gzip
import resource
import tarfile
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.data.transfers import Transfer
from harness.local.engine import errors
from tests.integration.support import AWS, Names
from tests.integration.training import artifacts, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

pytestmark = pytest.mark.timeout(180)

GROUP = "/aws/sagemaker/TrainingJobs"
LIMIT = 2
MB = 1 << 20


class Pace:
    """How fast S3 takes what comes out of containers: bytes a second.

    Slower than the engine is waited for, from the first bytes on.
    """

    def __init__(self) -> None:
        self.rate = 1.0 * MB
        self.over = threading.Event()


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pace]:
    add, pace = Transfer.add, Pace()

    def slow(self: Transfer, size: int) -> None:
        if self._what == "Uploading generated training model":
            monkeypatch.setattr(errors, "TIMEOUT", LIMIT)
            pace.over.wait(size / pace.rate)
        add(self, size)

    monkeypatch.setattr(Transfer, "add", slow)
    yield pace
    pace.over.set()


def train(aws: AWS, name: str, image: str, size: int) -> None:
    """A job with a model and output data of so many bytes each."""
    aws.create_training_job(
        name,
        image,
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        Environment={"PROBE": "large", "BYTES": str(size)},
    )


def wait_until_uploading(aws: AWS, name: str) -> None:
    def uploads() -> bool:
        job = aws.sagemaker.describe_training_job(TrainingJobName=name)
        return str(job["SecondaryStatusTransitions"][-1]["StatusMessage"]).startswith(
            "Uploading generated training model: "
        )

    aws.wait_until(uploads, "bytes of the model have come")


@pytest.mark.slow
def test_a_model_and_data_that_come_slowly_arrive(
    aws: AWS, names: Names, probe_image: str, pace: Pace
) -> None:
    """Also where the job is stopped meanwhile, and its log is read."""
    name = names.new("job")
    pace.rate = 1.5 * MB
    train(aws, name, probe_image, 5 * MB)
    wait_until_uploading(aws, name)
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    assert "train: PROBE='large'" in aws.log(GROUP, name)
    job = finish(aws, name)
    assert job["TrainingJobStatus"] == "Stopped", job.get("FailureReason")
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert len(artifacts(aws, model)["large.bin"]) == 5 * MB
    data = model.replace("model.tar.gz", "output.tar.gz")
    assert len(artifacts(aws, data)["large.bin"]) == 5 * MB


@pytest.mark.slow
@pytest.mark.usefixtures("pace")
def test_a_local_aws_that_is_closed_breaks_off_what_comes_slowly(
    docker_client: DockerClient, names: Names, probe_image: str
) -> None:
    name = names.new("job")
    with LocalAWS() as server:
        session = local_boto_session(server.url, server.region)
        aws = AWS(session, docker_client, bucket=f"tests-{uuid.uuid4().hex[:8]}")
        train(aws, name, probe_image, 50 * MB)
        wait_until_uploading(aws, name)
        begun = time.monotonic()
        server.close()
    assert time.monotonic() - begun < 20
    assert not aws.containers(name)


def test_a_full_disk_here_fails_the_job_at_once(
    aws: AWS, names: Names, probe_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = names.new("job")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MB, before[1]))
    try:
        train(aws, name, probe_image, 10 * MB)
        job = finish(aws, name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: this machine has no room left in")
    aws.wait_until(lambda: not aws.containers(name), "its container is removed")


def test_a_model_that_is_larger_than_the_volume_fails_the_job(
    aws: AWS, create: Callable[..., str]
) -> None:
    """One of a terabyte that is nothing but a hole."""
    job = finish(aws, create("hole"))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Artifact upload failed: Insufficient disk space: more than the 1 GB of "
        "VolumeSizeInGB."
    )


def test_data_that_is_larger_than_the_volume_fails_the_job(
    aws: AWS, create: Callable[..., str], names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.local.data import volumes
    from tests.integration.training import channel

    monkeypatch.setattr(volumes, "GB", MB)
    prefix = names.new("data")
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/large", Body=bytes(2 * MB))
    job = finish(aws, create(InputDataConfig=[channel("train", f"s3://{aws.bucket}/{prefix}/")]))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "ClientError: Data download failed: Insufficient disk space: "
    )


def test_an_archive_that_is_larger_than_the_volume_fails_the_endpoint(
    aws: AWS, names: Names, probe_image: str
) -> None:
    name = names.new("endpoint")
    info = tarfile.TarInfo("zeros")
    info.size = 20 << 30
    body = gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + bytes(MB))
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{name}.tar.gz", Body=body)
    container: dict[str, Any] = {
        "Image": probe_image,
        "ModelDataUrl": f"s3://{aws.bucket}/{name}.tar.gz",
    }
    aws.create_endpoint(name, container=container, VolumeSizeInGB=10)
    aws.wait("endpoint_in_service", EndpointName=name)
    endpoint = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert endpoint["FailureReason"] == (
        "The model data archive is too large. Please reduce the size of the model data archive or "
        "move to an instance type with more memory. "
        f"(s3://{aws.bucket}/{name}.tar.gz: Insufficient disk space: more than the 10 GB of "
        "VolumeSizeInGB.)"
    )
    aws.sagemaker.delete_endpoint(EndpointName=name)
