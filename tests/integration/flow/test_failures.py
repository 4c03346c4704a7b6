"""Out of memory, and failures that come at an awkward moment: provoked, and told in AWS's words.

The other failures have their tests where the feature is tested: `test_training.py`,
`test_endpoints.py`, `test_endpoint_updates.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.training import artifacts, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient
    from docker.models.containers import Container

    from tests.integration.support import AWS, Names

GIB = 1 << 30
SMALL = 64 << 20
OUT_OF_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data "
    "processed on an instance."
)
JOB_LOGS = "/aws/sagemaker/TrainingJobs"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


class Memory:
    """Looks at the memory that containers may take, and lowers it."""

    def __init__(self, aws: AWS, engine: DockerClient) -> None:
        self._aws = aws
        self._engine = engine

    def container(self, name: str) -> Container:
        self._aws.wait_until(lambda: bool(self._aws.containers(name)), f"a container of {name}")
        (found,) = self._aws.containers(name)
        return self._engine.containers.get(found.lstrip("/"))

    def limit(self, name: str) -> int:
        return int(self.container(name).attrs["HostConfig"]["Memory"])

    def lower(self, name: str) -> None:
        self.container(name).update(mem_limit=SMALL, memswap_limit=SMALL)


@pytest.fixture
def memory(aws: AWS, docker_client: DockerClient) -> Memory:
    return Memory(aws, docker_client)


@pytest.fixture
def deploy(aws: AWS, names: Names, probe_image: str) -> Iterator[Callable[..., str]]:
    """Creates an endpoint on the probe image; all are deleted in the end."""
    made: list[str] = []

    def deploy(probe: str = "", instance_type: str = "ml.c5.large") -> str:
        name = names.new("endpoint")
        container = {"Image": probe_image, "Environment": {"PROBE": probe}}
        aws.create_endpoint(name, container=container, InstanceType=instance_type)
        made.append(name)
        return name

    yield deploy
    for name in made:
        aws.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.slow
@pytest.mark.parametrize("probe", ["out-of-memory", "out-of-memory-in-a-child"])
def test_a_job_that_runs_out_of_memory_fails_in_aws_words(
    aws: AWS, create: Callable[..., str], memory: Memory, probe: str
) -> None:
    resources = {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
    name = create(probe, ResourceConfig=resources)
    aws.wait_for_log(JOB_LOGS, name, f"memory limit: {4 * GIB}")
    memory.lower(name)
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == OUT_OF_MEMORY
    # What was there is kept, as with every job that has failed.
    assert "seen.json" in artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])


def test_a_job_that_is_killed_otherwise_is_not_out_of_memory(
    aws: AWS, create: Callable[..., str], memory: Memory
) -> None:
    name = create("until-sigterm")
    aws.wait_for_log(JOB_LOGS, name, "waiting for SIGTERM")
    memory.container(name).kill()

    assert finish(aws, name)["FailureReason"] == (
        "AlgorithmError: waiting for SIGTERM, exit code: 137"
    )


@pytest.mark.slow
def test_one_host_that_runs_out_of_memory_fails_the_job(
    aws: AWS, create: Callable[..., str], memory: Memory, probe_image: str
) -> None:
    groups = [
        {"InstanceGroupName": "small", "InstanceType": "ml.t3.medium", "InstanceCount": 1},
        {"InstanceGroupName": "big", "InstanceType": "ml.m5.large", "InstanceCount": 1},
    ]
    name = create("out-of-memory", ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1})
    for host, gib in (("algo-1", 4), ("algo-2", 8)):
        aws.wait_for_log(JOB_LOGS, f"{name}/{host}", f"memory limit: {gib * GIB}")
    memory.lower(f"{name}-algo-2")

    assert finish(aws, name)["FailureReason"] == OUT_OF_MEMORY
    aws.wait_until(lambda: not aws.containers(name), "both containers are removed")


def test_an_endpoint_that_runs_out_of_memory_at_its_start_is_failed(
    aws: AWS, deploy: Callable[..., str], memory: Memory
) -> None:
    name = deploy("out-of-memory")
    aws.wait_for_log(f"/aws/sagemaker/Endpoints/{name}", "AllTraffic/", f"memory limit: {4 * GIB}")
    memory.lower(name)
    aws.wait("endpoint_in_service", EndpointName=name)

    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == (
        "The primary container for production variant AllTraffic did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint. (The container exited with code "
        f"137, out of memory; its last log line: memory limit: {4 * GIB})"
    )


@pytest.mark.slow
def test_an_endpoint_that_runs_out_of_memory_as_it_answers_is_in_service_again(
    aws: AWS, deploy: Callable[..., str], memory: Memory
) -> None:
    name = deploy(instance_type="ml.m5.large")
    aws.wait("endpoint_in_service", EndpointName=name)
    assert memory.limit(name) == 8 * GIB
    first = memory.container(name)
    memory.lower(name)
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        aws.invoke(name, b"", ContentType="probe/out-of-memory")
    answer: Any = refused.value.response  # with an operation's own members
    assert "closed the connection" in answer["OriginalMessage"]

    def answers() -> bool:
        try:
            return bool(aws.invoke(name, b"again")["Body"].read() == b"again")
        except (aws.runtime.exceptions.ModelError, aws.runtime.exceptions.ServiceUnavailable):
            return False

    aws.wait_until(answers, "another container answers")
    assert memory.container(name).id != first.id
    assert memory.limit(name) == 8 * GIB
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
