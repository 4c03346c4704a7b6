"""Tune `df` and `alpha` of the GAM on Gauss3: twelve training jobs, of which the best is shown.

    harness up --detach
    eval "$(harness env)"
    python -m examples.gauss3.tune

Nothing here knows of a local AWS: with credentials of the real one it tunes there, given a role
that SageMaker may take (ROLE_ARN) and an image in ECR (IMAGE).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from typing import Any

import boto3

from examples.gauss3.gauss3 import csv, split

JOBS = 12
AT_ONCE = 2
SCORE = {"Name": "test:r2", "Regex": r"test:r2=([-+.0-9e]+)"}
RANGES: dict[str, Any] = {
    "IntegerParameterRanges": [{"Name": "df", "MinValue": "10", "MaxValue": "30"}],
    "ContinuousParameterRanges": [
        {"Name": "alpha", "MinValue": "0.1", "MaxValue": "1000", "ScalingType": "Logarithmic"}
    ],
}
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


def upload(s3: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    """Put both parts of the data into the bucket; returns the channels."""
    data = split()
    channels = []
    for name, x, y in (
        ("train", data.x_train, data.y_train),
        ("test", data.x_test, data.y_test),
    ):
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}/{name}.csv", Body=csv(x, y))
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{prefix}/{name}/"}
        channels.append({"ChannelName": name, "DataSource": {"S3DataSource": source}})
    return channels


def tune(session: Any, image: str, bucket: str, role: str = ROLE) -> dict[str, Any]:
    """Tune, and wait for the end; returns the tuning job's description."""
    sagemaker, name = session.client("sagemaker"), f"gauss3-{uuid.uuid4().hex[:8]}"
    channels = upload(session.client("s3"), bucket, name)
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": SCORE["Name"]},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": JOBS,
                "MaxParallelTrainingJobs": AT_ONCE,
            },
            "ParameterRanges": RANGES,
            "RandomSeed": 1,
        },
        TrainingJobDefinition={
            "StaticHyperParameters": {"train-file": "train.csv", "test-file": "test.csv"},
            "AlgorithmSpecification": {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [SCORE],
            },
            "RoleArn": role,
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/{name}/out"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 5,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    )
    while True:
        job: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        )
        if job["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"):
            return job
        time.sleep(0.5)


def r_squared(job: dict[str, Any]) -> float:
    """What the best training job has come to."""
    best = job["BestTrainingJob"]
    return float(best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def main() -> int:
    session = boto3.Session()
    image = os.environ.get("IMAGE")
    if image is None:
        built = subprocess.run(
            ["harness", "build", "--json"], check=True, stdout=subprocess.PIPE, text=True
        )
        image = json.loads(built.stdout.splitlines()[-1])["image"]
    bucket = os.environ.get("BUCKET", f"gauss3-{uuid.uuid4().hex[:8]}")
    if "BUCKET" not in os.environ:
        session.client("s3").create_bucket(Bucket=bucket)
    job = tune(session, image, bucket, os.environ.get("ROLE_ARN", ROLE))
    if "BestTrainingJob" not in job:
        print(job.get("FailureReason", job["HyperParameterTuningJobStatus"]), file=sys.stderr)
        return 1
    best = job["BestTrainingJob"]
    values = ", ".join(f"{name}={value}" for name, value in best["TunedHyperParameters"].items())
    print(f"{job['TrainingJobStatusCounters']['Completed']} training jobs")
    print(f"best: {best['TrainingJobName']} ({values}), test R² {r_squared(job):.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
