"""Names that no image can have: refused as those of images that don't exist."""

from types import SimpleNamespace
from typing import Any

import docker
import pytest

from harness.local.aws import LocalAWS
from harness.local.core.backend import Backend
from harness.local.engine import inspection
from harness.local.jobs.training.provider import TrainingJobs
from tests.clients import failure, make_client

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def client():
    backend = Backend(lambda: server.url, "us-east-1", "123456789012")
    engine: Any = SimpleNamespace(missing_image=lambda _: "no such image")
    backend.containers = engine
    with LocalAWS(providers={"sagemaker": [TrainingJobs(backend)]}) as server:
        yield make_client(server, "sagemaker")


def refusal(client, image):
    return failure(
        client.create_training_job,
        TrainingJobName="job",
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


@pytest.mark.parametrize("repository", ["", "x", "UPPER"])
def test_a_name_that_no_repository_can_have(client, repository):
    status, code, message = refusal(client, f"{ECR}/{repository}")
    assert (status, code) == (400, "ValidationException")
    assert message.startswith(f"Cannot find repository: {repository} in registry ID: 123456789012.")


@pytest.mark.parametrize("name", ["", ".", "..", "/", "x/../y", f"{ECR}/", "http://host/x"])
def test_names_that_would_be_another_path_of_the_engines_are_not_asked_for(name):
    engine: Any = None
    assert inspection.missing_image(engine, name) == "invalid reference format"


def test_what_the_engine_calls_no_name_of_an_image():
    response: Any = SimpleNamespace(status_code=400)
    words = "no such image: UPPER/x: invalid reference format: repository name must be lowercase"

    def inspect_image(name):
        raise docker.errors.APIError("Bad Request", response, words)

    engine: Any = SimpleNamespace(inspect_image=inspect_image)
    assert inspection.missing_image(engine, "UPPER/x") == words
