"""EnableNetworkIsolation, tried from inside: nothing gets out, and the hosts of a job meet.

What is tried: the local AWS, servers of this machine at its addresses, a container that isn't of
the job, and names of the outside.
"""

from __future__ import annotations

import io
import json
import socket
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from harness.local.engine import containers
from harness.local.engine.containers import Containers
from harness.local.engine.errors import NoGateError
from harness.local.hosting.containers import serving
from tests.integration.support import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from harness.local.aws import LocalAWS
    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)

HOSTS = ("algo-1", "algo-2")

KNOCK = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 8080), 5) as gate:
        gate.sendall(b"GET /ping HTTP/1.1\\r\\n\\r\\n")
        print(gate.recv(9) or "nothing")
except ConnectionResetError:
    print("nothing")
"""


class Targets(NamedTuple):
    """What must not be reached: servers, and ports of this machine wherever it is beside."""

    servers: list[tuple[str, int]]
    ports: list[int]

    @property
    def names(self) -> set[str]:
        return {f"{host}:{port}" for host, port in self.servers}

    def command(self, *hosts: str) -> list[str]:
        """What fails with what it reaches, and with what the other hosts of its job told it."""
        return ["python3", "/opt/probe/reach.py", json.dumps(self), *hosts]


@pytest.fixture(scope="module")
def targets(
    local_aws: LocalAWS, docker_client: DockerClient, probe_image: str
) -> Iterator[Targets]:
    aws = urllib.parse.urlsplit(local_aws.url).port
    with (
        socket.create_server(("", 0)) as server,
        socket.create_server(("::", 0), family=socket.AF_INET6) as server6,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outer,
    ):
        ports = [each.getsockname()[1] for each in (server, server6)]
        outer.connect(("192.0.2.1", 9))  # sends nothing, but tells what address leads out
        own = outer.getsockname()[0]
        other = docker_client.containers.run(
            probe_image, ["serve"], detach=True, name=f"isolation-other-{ports[0]}"
        )
        try:
            other.reload()
            network = other.attrs["NetworkSettings"]["Networks"]["bridge"]
            servers = [
                (network["IPAddress"], 8080),
                (own, ports[0]),
                (network["Gateway"], ports[0]),
            ]
            assert aws is not None
            yield Targets([*servers, (network["Gateway"], aws)], [*ports, aws])
        finally:
            other.remove(force=True)


def said_by(reason: str) -> Any:
    return json.loads(reason.removeprefix("AlgorithmError: ").rpartition(", exit code")[0])


@pytest.fixture
def process(aws: AWS, names: Names, probe_image: str) -> Callable[..., Any]:
    """Runs it in a processing job on these hosts, or on one; returns what one said."""

    def run(targets: Targets, *hosts: str, isolated: bool) -> Any:
        name = names.new("job")
        aws.sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={
                "ImageUri": probe_image,
                "ContainerEntrypoint": targets.command(*hosts),
            },
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceCount": len(hosts) or 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                }
            },
            NetworkConfig={"EnableNetworkIsolation": isolated},
        )
        aws.wait("processing_job_completed_or_stopped", ProcessingJobName=name)
        job = aws.sagemaker.describe_processing_job(ProcessingJobName=name)
        return said_by(job["FailureReason"])

    return run


def test_without_isolation_all_of_it_is_reached(
    targets: Targets, process: Callable[..., Any]
) -> None:
    """Else the others would show nothing."""
    _, reached = process(targets, isolated=False)
    assert targets.names <= set(reached)
    assert "AWS_ENDPOINT_URL" in reached


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [(), HOSTS])
def test_processing_jobs(
    targets: Targets, process: Callable[..., Any], hosts: tuple[str, ...]
) -> None:
    assert process(targets, *hosts, isolated=True) == [{each: each for each in hosts}, []]


@pytest.mark.slow
def test_training_jobs_of_several_hosts(
    targets: Targets, aws: AWS, create: Callable[..., str], probe_image: str
) -> None:
    name = create(
        AlgorithmSpecification={
            "TrainingImage": probe_image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": targets.command(*HOSTS),
        },
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        EnableNetworkIsolation=True,
    )
    aws.wait("training_job_completed_or_stopped", TrainingJobName=name)
    job = aws.sagemaker.describe_training_job(TrainingJobName=name)
    assert said_by(job["FailureReason"]) == [{each: each for each in HOSTS}, []]


def isolated_model(aws: AWS, names: Names, image: str) -> str:
    name = names.new("model")
    aws.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": image},
        EnableNetworkIsolation=True,
    )
    return name


def test_endpoints(
    targets: Targets, aws: AWS, names: Names, probe_image: str, docker_client: DockerClient
) -> None:
    name = names.new("endpoint")
    aws.create_endpoint(name, model=isolated_model(aws, names, probe_image))
    aws.wait("endpoint_in_service", EndpointName=name)
    asked = json.dumps(targets).encode()
    answer = aws.invoke(name, asked, ContentType="probe/reach")["Body"].read()
    assert json.loads(answer) == []

    body = bytes(3 << 20)
    assert aws.invoke(name, body)["Body"].read() == body
    (gate,) = docker_client.containers.list(filters={"name": f"{name}-AllTraffic-gate"})
    address = gate.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    said = docker_client.containers.run(
        probe_image, entrypoint=["python3", "-c", KNOCK, address], remove=True
    )
    assert said == b"nothing\n", "another container was let in"

    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.wait_until(lambda: not aws.containers(name), "the container and its gate are removed")
    aws.wait_until(lambda: not docker_client.networks.list(names=[name]), "its network, too")


@pytest.mark.slow
def test_transform_jobs(targets: Targets, aws: AWS, names: Names, probe_image: str) -> None:
    name = names.new("transform")
    asked = json.dumps(targets).encode()
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{name}/asked", Body=asked)
    aws.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=isolated_model(aws, names, probe_image),
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/{name}/"}
            },
            "ContentType": "probe/reach",
        },
        TransformOutput={"S3OutputPath": f"s3://{aws.bucket}/{name}-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    aws.wait("transform_job_completed_or_stopped", TransformJobName=name)
    answer = aws.s3.get_object(Bucket=aws.bucket, Key=f"{name}-out/asked.out")["Body"].read()
    assert json.loads(answer) == []


WITHOUT_PYTHON = """\
FROM harness-probe:latest
RUN found=$(command -v python3) && mv $(readlink -f $found) /opt/interpreter && rm -f $found && \
    printf '#!/bin/sh\\nexec /opt/interpreter /opt/probe/probe.py serve' > /usr/local/bin/serve
"""


@pytest.fixture(scope="module")
def without_python(docker_client: DockerClient, probe_image: str) -> str:
    """The probe, whose Python has another name."""
    assert probe_image in WITHOUT_PYTHON
    tag = "harness-probe-without-python:latest"
    docker_client.images.build(fileobj=io.BytesIO(WITHOUT_PYTHON.encode()), tag=tag, rm=True)
    return tag


@pytest.mark.slow
@pytest.mark.parametrize("is_at_hand", [True, False])
def test_an_image_without_a_python_has_another_s_gate_or_none(
    without_python: str,
    probe_image: str,
    names: Names,
    is_at_hand: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = names.new("gate")
    filters = {"reference": probe_image} if is_at_hand else {"label": "no.such.label"}
    monkeypatch.setattr(containers, "OUR_IMAGES", filters)
    made = Containers()
    try:
        container = made.create(
            without_python, name=name, hostname="h", command=["serve"], port=8080, isolated=True
        )
        if not is_at_hand:
            with pytest.raises(NoGateError, match="put a Python 3 into the image"):
                container.start(lambda _: None)
            return
        container.start(lambda _: None)
        instance = serving.Instance(container)
        deadline = time.monotonic() + 30
        while not instance.ping():
            assert time.monotonic() < deadline
        instance.disconnect()
    finally:
        made.close()


@pytest.mark.slow
def test_a_container_whose_gate_is_gone_ends(
    docker_client: DockerClient, names: Names, probe_image: str
) -> None:
    """Its owner replaces it then, as it does every one that ends."""
    name = names.new("gate")
    made = Containers()
    try:
        made.require_image(probe_image)
        container = made.create(
            probe_image, name=name, hostname="h", command=["serve"], port=8080, isolated=True
        )
        container.start(lambda _: None)
        serving.Instance(container).disconnect()
        (gate,) = docker_client.containers.list(filters={"name": f"{name}-gate"})
        gate.kill()
        assert container.exited.wait(30)
    finally:
        made.close()
    assert not docker_client.networks.list(names=[name])
