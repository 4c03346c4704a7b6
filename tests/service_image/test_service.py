"""The service in a container: its jobs and endpoints are containers beside it, on one engine."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from docker.errors import NotFound

from tests.service_image.conftest import ROLE, ended, train

if TYPE_CHECKING:
    import docker
    from tests.service_image.conftest import Service

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

REACH = (
    "import os; from urllib.request import urlopen; "
    "urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_harness/health', timeout=20)"
)

LONG = "import time; print('begun', flush=True); time.sleep(100)"


def test_its_port_is_on_loopback_and_its_page_answers(service: Service) -> None:
    assert service.url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(f"{service.url}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert b"SageMaker" in answer.read()


def test_a_form_of_the_page_is_its_own_at_whatever_port(service: Service) -> None:
    request = urllib.request.Request(
        f"{service.url}/_harness/reset-nothing", data=b"", headers={"Origin": service.url}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code != 403


@pytest.mark.parametrize("count", [1, 2])
def test_containers_of_jobs_reach_it(service: Service, model: str, bucket: str, count: int) -> None:
    job = ended(service, train(service, model, count, program=REACH))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_a_job_without_a_network_trains(service: Service, model: str, bucket: str) -> None:
    job = ended(service, train(service, model, 2, EnableNetworkIsolation=True))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{bucket}/")
    assert service.boto("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]


def test_pipe_mode_is_refused_and_says_why(service: Service, model: str, bucket: str) -> None:
    job = ended(service, train(service, model, mode="Pipe"))
    assert job["TrainingJobStatus"] == "Failed"
    assert "the local AWS is in a container" in job["FailureReason"]


@pytest.mark.parametrize("isolated", [False, True])
def test_endpoints_answer_and_publish_no_port(
    service: Service, model: str, bucket: str, engine: docker.DockerClient, isolated: bool
) -> None:
    sagemaker, name = service.boto("sagemaker"), f"endpoint-{isolated}".lower()
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": model, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"},
        EnableNetworkIsolation=isolated,
    )
    variant = {
        "VariantName": "a", "ModelName": name,
        "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
    }  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    deadline = time.monotonic() + 120
    while (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")
    answer = service.boto("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=b"1,2\n3,4\n", ContentType="text/csv"
    )
    assert answer["Body"].read() == b"3.0\n7.0\n"
    made = engine.containers.list(filters={"name": name})
    assert made
    assert not [each.name for each in made if any((each.ports or {}).values())]
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_new_container_goes_on_with_what_a_stopped_one_knew(
    service: Service, bucket: str
) -> None:
    service.again(kill=False)
    kept = service.boto("s3").get_object(Bucket=bucket, Key="train/rows.csv")
    assert kept["Body"].read() == b"1,2\n3,4\n"


def test_what_a_killed_one_left_is_removed_by_the_next(
    service: Service, model: str, bucket: str, engine: docker.DockerClient
) -> None:
    name = train(service, model, program=LONG)
    deadline = time.monotonic() + 60
    while not (running := engine.containers.list(filters={"name": name})):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    service.again(kill=True)
    with pytest.raises(NotFound):
        engine.containers.get(running[0].id)
