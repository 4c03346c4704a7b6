"""The service's image, run as docker/compose.yaml has it, and boto3 on this machine.

Compose itself isn't needed: its values are given to the engine as it would give them. Only the
port is a free one, and the volume and the network have names of their own.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from docker.types import Healthcheck

import docker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker" / "compose.yaml"
MODEL = ROOT / "tests" / "page" / "image"
MODEL_TAG = "harness-service-image-test"
BUILD_SECONDS = 1500
READY_SECONDS = 90
JOB_SECONDS = 120
ROLE = "arn:aws:iam::123456789012:role/sagemaker"


class Service:
    """The service in its container; `restart` after a stop or a kill."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client
        self.unique = f"harness-service-{uuid.uuid4().hex[:8]}"
        document = yaml.safe_load(COMPOSE.read_text())
        self._service: dict[str, Any] = document["services"]["sagemaker"]
        self._network = client.networks.create(self.unique)
        (port,) = self._service["ports"]
        self._address, _, self._inner = port.rsplit(":", 2)
        self.container = self._run()

    def _run(self) -> Container:
        volumes = [
            each if each.startswith("/") else f"{self.unique}:{each.partition(':')[2]}"
            for each in self._service["volumes"]
        ]
        return self.client.containers.run(
            self._service["image"],
            detach=True,
            name=f"{self.unique}-{uuid.uuid4().hex[:4]}",
            network=self.unique,
            ports={f"{self._inner}/tcp": (self._address, None)},
            volumes=volumes,
            # As in the image, only sooner.
            healthcheck=Healthcheck(interval=10**9, start_period=10**9),
        )

    @property
    def url(self) -> str:
        self.container.reload()
        (bound,) = self.container.ports[f"{self._inner}/tcp"]
        return f"http://{bound['HostIp']}:{bound['HostPort']}"

    def boto(self, name: str) -> Any:
        make: Any = boto3.Session(
            aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
        ).client
        return make(name, endpoint_url=self.url)

    def wait_healthy(self) -> None:
        """Until the image's own health check says so."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.container.reload()
            if self.container.health == "healthy":
                return
            time.sleep(0.2)
        pytest.fail(f"{self.container.health}: {self.container.logs().decode()}")

    def again(self, *, kill: bool) -> None:
        """End it, and begin a new container with what the volume has."""
        if kill:
            self.container.kill()
        else:
            self.container.stop(timeout=120)
        self.container.remove()
        self.container = self._run()
        self.wait_healthy()

    def close(self) -> None:
        self.container.stop(timeout=120)
        self.container.remove()
        self._network.remove()
        self.client.volumes.get(self.unique).remove()


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=180)
    yield client
    client.close()


@pytest.fixture(scope="session")
def service(engine: docker.DockerClient) -> Iterator[Service]:
    script = [sys.executable, "-m", "scripts.service_image"]
    subprocess.run(script, check=True, cwd=ROOT, timeout=BUILD_SECONDS)
    service = Service(engine)
    try:
        service.wait_healthy()
        yield service
    finally:
        service.close()


@pytest.fixture(scope="session")
def model(engine: docker.DockerClient) -> Iterator[str]:
    """An image that trains and serves with the standard library."""
    arguments = {"BASE_IMAGE": "harness-base:python3.11"}
    engine.images.build(path=str(MODEL), buildargs=arguments, tag=MODEL_TAG, rm=True, forcerm=True)
    yield MODEL_TAG
    engine.images.remove(MODEL_TAG, force=True)


@pytest.fixture(scope="session")
def bucket(service: Service) -> str:
    s3 = service.boto("s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="train/rows.csv", Body=b"1,2\n3,4\n")
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz"):
            pass
        s3.put_object(Bucket="data", Key="model.tar.gz", Body=packed.getvalue())
    return "data"


def train(service: Service, image: str, count: int = 1, **members: Any) -> str:
    """Begin a training job; its name."""
    name = f"job-{uuid.uuid4().hex[:8]}"
    algorithm = {"TrainingImage": image, "TrainingInputMode": members.pop("mode", "File")}
    if program := members.pop("program", ""):
        algorithm["ContainerEntrypoint"] = ["python3", "-c", program]
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}
    service.boto("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification=algorithm,
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://data/out"},
        ResourceConfig={"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 100},
        **members,
    )
    return name


def ended(service: Service, name: str) -> dict[str, Any]:
    """A training job, once it has ended."""
    sagemaker = service.boto("sagemaker")
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        if found["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            return found
        time.sleep(0.2)
    pytest.fail(f"{name} is still {found['SecondaryStatus']}")
