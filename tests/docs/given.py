"""What the pages take as given: an image that trains and serves, a request for a job, a role."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import docker

from harness import locks
from harness.errors import BuildError
from harness.image import base

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient

role = "arn:aws:iam::123456789012:role/harness-execution"
BUCKET = "harness-local"
FOLDER = Path(__file__).parents[1] / "errors" / "image"
WAIT_SECONDS = 120


def _build() -> str:
    engine = docker.from_env()
    try:
        with locks.held("build", BuildError, progress=print):
            base.ensure(engine)
            engine.images.build(
                path=str(FOLDER), buildargs={"BASE_IMAGE": base.TAG}, tag="harness-docs",
                rm=True, forcerm=True,
            )  # fmt: skip
    finally:
        engine.close()
    return "harness-docs:latest"


def training_request(data: str = "") -> dict[str, Any]:
    """For CreateTrainingJob; without data the job has no channel."""
    source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    return {
        "TrainingJobName": f"docs-{uuid.uuid4().hex[:8]}",
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": role,
        "HyperParameters": {"alpha": "1.0"},
        **({"InputDataConfig": [channel]} if data else {}),
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {
            "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }  # fmt: skip


def ended(sagemaker: SageMakerClient, request: dict[str, Any]) -> str:
    """The name of the job, once it is Completed."""
    name = str(request["TrainingJobName"])
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] == "Completed":
            return name
        assert job["TrainingJobStatus"] == "InProgress", job
        assert time.monotonic() < deadline, job
        time.sleep(0.2)


def model_data() -> str:
    """The artifact of a job that has been trained."""
    sagemaker = boto3.client("sagemaker")
    request = training_request()
    sagemaker.create_training_job(**request)
    job = sagemaker.describe_training_job(TrainingJobName=ended(sagemaker, request))
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


image = _build()
