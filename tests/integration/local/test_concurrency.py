"""Jobs and endpoints at once, and killed at once: each has its own result, and nothing is left."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from harness.local.core.client import local_boto_session
from tests.integration.service.shell import Shell
from tests.integration.support import AWS, ROLE
from tests.integration.training import artifacts, channel, finish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient

    from tests.integration.support import Names

JOBS = 6
ENDPOINTS = 3

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


class Crowd:
    """Training jobs and endpoints of one test, all of whose names begin alike."""

    def __init__(self, aws: AWS, names: Names, image: str) -> None:
        self.aws = aws
        self.name = names.new("crowd")
        self._image = image

    def train(self, number: int, probe: str = "", **members: Any) -> str:
        """Creates a job on data of its own."""
        name = f"{self.name}-{number}"
        self.aws.s3.put_object(
            Bucket=self.aws.bucket, Key=f"{name}/train/own.csv", Body=name.encode()
        )
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {
                "TrainingImage": self._image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "probe:r2", "Regex": "probe:r2=([0-9.]+);"}],
            },
            "HyperParameters": {"number": str(number)},
            "InputDataConfig": [channel("train", f"s3://{self.aws.bucket}/{name}/train/")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.aws.bucket}/out"},
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 120},
            "RoleArn": ROLE,
            "Environment": {"PROBE": probe},
            **members,
        }
        self.aws.sagemaker.create_training_job(**request)
        return name

    def deploy(self, number: int) -> str:
        """Creates an endpoint with a model of its own: a file with its name."""
        name = f"{self.name}-e{number}"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.addfile(tarfile.TarInfo(name))
        key = f"{name}/model.tar.gz"
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=packed.getvalue())
        uri = f"s3://{self.aws.bucket}/{key}"
        self.aws.create_endpoint(name, container={"Image": self._image, "ModelDataUrl": uri})
        return name


@pytest.mark.slow
def test_each_of_many_at_once_has_its_own_result(aws: AWS, names: Names, probe_image: str) -> None:
    crowd = Crowd(aws, names, probe_image)

    def train(number: int) -> Any:
        return finish(aws, crowd.train(number))

    def serve(number: int) -> list[str]:
        name = crowd.deploy(number)
        aws.wait("endpoint_in_service", EndpointName=name)
        answer = aws.invoke(name, b"", ContentType="probe/model")
        aws.sagemaker.delete_endpoint(EndpointName=name)
        aws.wait("endpoint_deleted", EndpointName=name)
        return list(json.loads(answer["Body"].read()))

    with ThreadPoolExecutor(JOBS + ENDPOINTS) as pool:
        jobs = pool.map(train, range(JOBS))
        served = pool.map(serve, range(ENDPOINTS))

    for number, job in enumerate(jobs):
        assert job["TrainingJobStatus"] == "Completed", job
        assert job["TrainingJobName"] == f"{crowd.name}-{number}"
        files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
        seen = json.loads(files["seen.json"])
        assert seen["input/data/train/own.csv"] == job["TrainingJobName"]
        assert json.loads(seen["input/config/hyperparameters.json"]) == {"number": str(number)}
        assert aws.log("/aws/sagemaker/TrainingJobs", f"{job['TrainingJobName']}/") == [
            "train: PROBE=''", "probe:r2=0.5;", "probe:r2=0.75;",
        ]  # fmt: skip
        (metric,) = job["FinalMetricDataList"]
        assert metric["Value"] == 0.75
    assert list(served) == [[f"{crowd.name}-e{number}"] for number in range(ENDPOINTS)]
    aws.wait_until(lambda: not aws.containers(crowd.name), "all containers are removed")


@pytest.fixture
def shell(tmp_path: Path, docker_client: DockerClient) -> Iterator[Shell]:
    shell = Shell(tmp_path, docker_client)
    yield shell
    shell.run('"$PYTHON" -m harness down')


@pytest.mark.slow
def test_what_many_at_once_leave_when_all_is_killed_the_next_start_removes(
    shell: Shell, names: Names, probe_image: str, docker_client: DockerClient
) -> None:
    """Some train, on one host and on two, some serve, isolated and not, some have just begun."""
    killed = shell.harness("up --detach --port 0")
    session = local_boto_session(killed["url"], killed["region"])
    aws = AWS(session, docker_client, bucket="killed")
    crowd = Crowd(aws, names, probe_image)
    endpoints = [crowd.deploy(number) for number in range(ENDPOINTS)]
    jobs = [crowd.train(number, "until-sigterm") for number in range(3)]
    hosts = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    jobs += [
        crowd.train(3, "until-sigterm", EnableNetworkIsolation=True),
        crowd.train(4, "until-sigterm", ResourceConfig=hosts),
    ]
    for name in endpoints:
        aws.wait("endpoint_in_service", EndpointName=name)
    for name in jobs:
        aws.wait_for_log("/aws/sagemaker/TrainingJobs", name, "waiting for SIGTERM")
    crowd.train(5)
    os.kill(killed["pid"], signal.SIGKILL)

    left = aws.containers(crowd.name)
    assert len(left) >= len(endpoints) + len(jobs) + 1, left
    shell.harness("up --detach --port 0")

    assert aws.containers(crowd.name) == []
    assert not docker_client.networks.list(names=[crowd.name])
    sessions = shell.folder / "state/harness/sessions"
    assert [path.name for path in sessions.iterdir()] == []
