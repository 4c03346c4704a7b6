"""What the pages take as given: an image that trains and serves, requests, a role, what runs."""

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


def run(job: str, endpoint: str) -> None:
    """Have a training job run that doesn't end, and an endpoint be in service."""
    sagemaker = boto3.client("sagemaker")
    request = training_request() | {"TrainingJobName": job}
    request["StoppingCondition"] = {"MaxRuntimeInSeconds": 1200}
    sagemaker.create_training_job(**request, Environment={"WRONG": "train-forever"})
    container: Any = {"Image": image, "ModelDataUrl": trained_model()}
    sagemaker.create_model(ModelName=endpoint, ExecutionRoleArn=role, PrimaryContainer=container)
    sagemaker.create_endpoint_config(
        EndpointConfigName=endpoint,
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": endpoint,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": WAIT_SECONDS}
    )
    deadline = time.monotonic() + WAIT_SECONDS
    logs = boto3.client("logs")
    while not _has_said_something(logs, job):
        assert time.monotonic() < deadline, sagemaker.describe_training_job(TrainingJobName=job)
        time.sleep(0.2)


def _has_said_something(logs: Any, job: str) -> bool:
    """Whether lines of the job's container are in CloudWatch Logs."""
    try:
        found = logs.filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=job
        )
    except logs.exceptions.ResourceNotFoundException:
        return False
    return bool(found["events"])


def trained_model() -> str:
    """The artifact of a job that has been trained."""
    sagemaker = boto3.client("sagemaker")
    request = training_request()
    sagemaker.create_training_job(**request)
    job = sagemaker.describe_training_job(TrainingJobName=ended(sagemaker, request))
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


image = _build()
