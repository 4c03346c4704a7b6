"""What the tests share: the data's shape, R², artifacts, and the training job they begin with."""

from __future__ import annotations

import io
import tarfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import numpy as np
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    MetricDefinition,
    OutputDataConfig,
    ResourceConfig,
    StoppingCondition,
)

from tests.policies import trust

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sagemaker.core.resources import Endpoint
    from sagemaker.core.shapes import Channel

INSTANCE = "ml.m5.large"
WAIT = 120
TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
NPY = "application/x-npy"
HYPERPARAMETERS = {
    "df": 20,
    "alpha": 1.0,
    "degree": 3,
    "train-file": "train.csv",
    "test-file": "test.csv",
}
METRICS = [
    MetricDefinition(name="train:r2", regex="train:r2=([-+.0-9e]+)"),
    MetricDefinition(name="test:r2", regex="test:r2=([-+.0-9e]+)"),
]
TRAIN_R2 = 0.99672
TEST_R2 = 0.99717
TOLERANCE = 1e-5


class Data(NamedTuple):
    """Gauss3, split as scikit-learn does with seed 42: rows (n, 2), the target last."""

    train: NDArray[np.float64]
    test: NDArray[np.float64]


def create_role(name: str) -> str:
    """ARN of a new role that trusts SageMaker and has no permissions yet."""
    role = boto3.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=trust("sagemaker")
    )
    return str(role["Role"]["Arn"])


def create_training_job(
    name: str, image: str, role: str, bucket: str, channels: list[Channel], **members: Any
) -> TrainingJob:
    """Start training the project's image through `sagemaker.core.resources`."""
    request: dict[str, Any] = {
        "algorithm_specification": AlgorithmSpecification(
            training_image=image, training_input_mode="File", metric_definitions=METRICS
        ),
        "hyper_parameters": {key: str(value) for key, value in HYPERPARAMETERS.items()},
        "output_data_config": OutputDataConfig(s3_output_path=f"s3://{bucket}/sdk-v3/output"),
        "resource_config": ResourceConfig(
            instance_type=INSTANCE, instance_count=1, volume_size_in_gb=5
        ),
        "stopping_condition": StoppingCondition(max_runtime_in_seconds=WAIT),
        "role_arn": role,
    }
    if channels:
        request["input_data_config"] = channels
    return TrainingJob.create(training_job_name=name, **(request | members))


def wait_for_log(job: str, message: str) -> None:
    """Wait until the log of a training job's only host has the line."""
    client = boto3.client("logs")
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        with suppress(client.exceptions.ResourceNotFoundException):
            streams = client.describe_log_streams(
                logGroupName=TRAINING_LOGS, logStreamNamePrefix=f"{job}/"
            )["logStreams"]
            for stream in streams:
                page = client.get_log_events(
                    logGroupName=TRAINING_LOGS,
                    logStreamName=stream["logStreamName"],
                    startFromHead=True,
                )
                if message in [event["message"] for event in page["events"]]:
                    return
        time.sleep(0.1)
    raise AssertionError(f"{message!r} isn't in the log of {job} after {WAIT} s")


def metrics(job: TrainingJob) -> dict[str, float]:
    return {metric.metric_name: metric.value for metric in job.final_metric_data_list}


def r_squared(rows: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    y = rows[:, 1]
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def predict(endpoint: Endpoint, rows: NDArray[np.float64], **members: Any) -> NDArray[np.float64]:
    """The endpoint's predictions for rows (n, 2); shape (n,)."""
    body = io.BytesIO()
    np.save(body, rows[:, :1], allow_pickle=False)
    answer = endpoint.invoke(body=body.getvalue(), content_type=NPY, accept=NPY, **members)
    return np.load(io.BytesIO(answer.body.read()), allow_pickle=False)


def read(uri: str) -> bytes:
    """The object at s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def unpack(uri: str) -> dict[str, bytes]:
    """The files of a tar.gz in S3."""
    with tarfile.open(fileobj=io.BytesIO(read(uri)), mode="r:gz") as archive:
        files = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}
