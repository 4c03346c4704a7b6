"""What goes into a training job and comes out of it, beyond one channel and one archive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.support import ROLE
from tests.integration.training import artifacts, channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)


def objects(aws: AWS, prefix: str) -> dict[str, bytes]:
    """The objects below a prefix, by the rest of their keys."""
    listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): aws.s3.get_object(Bucket=aws.bucket, Key=item["Key"])[
            "Body"
        ].read()
        for item in listed
    }


def seen(aws: AWS, job: dict[str, Any]) -> dict[str, str]:
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    return dict(json.loads(files["seen.json"]))


def test_a_manifest_and_fast_file_mode(aws: AWS, create: Callable[..., str], names: Names) -> None:
    prefix = names.new("data")
    for key in ("a.csv", "deep/b.csv", "c.csv"):
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{key}", Body=key.encode())
    manifest = [{"prefix": f"s3://{aws.bucket}/{prefix}/"}, "a.csv", "deep/b.csv"]
    aws.s3.put_object(
        Bucket=aws.bucket, Key=f"{prefix}.manifest", Body=json.dumps(manifest).encode()
    )
    train = channel("train", f"s3://{aws.bucket}/{prefix}.manifest", S3DataType="ManifestFile")
    test = {**channel("test", f"s3://{aws.bucket}/{prefix}/c.csv"), "InputMode": "FastFile"}

    found = seen(aws, finish(aws, create(InputDataConfig=[train, test])))

    data = {path: text for path, text in found.items() if path.startswith("input/data/")}
    assert data == {
        "input/data/train/a.csv": "a.csv",
        "input/data/train/deep/b.csv": "deep/b.csv",
        "input/data/test/c.csv": "c.csv",
    }
    config = json.loads(found["input/config/inputdataconfig.json"])
    assert config["train"]["TrainingInputMode"] == "File"
    assert config["test"]["TrainingInputMode"] == "FastFile"


def test_a_missing_object_of_a_manifest_fails_the_job(
    aws: AWS, create: Callable[..., str], names: Names
) -> None:
    key = f"{names.new('data')}.manifest"
    manifest = [{"prefix": f"s3://{aws.bucket}/"}, "not/there.csv"]
    aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=json.dumps(manifest).encode())
    train = channel("train", f"s3://{aws.bucket}/{key}", S3DataType="ManifestFile")

    job = finish(aws, create(InputDataConfig=[train]))

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed: s3://")
    assert "not/there.csv" in job["FailureReason"]


def test_output_may_stay_uncompressed(aws: AWS, create: Callable[..., str]) -> None:
    output = {"S3OutputPath": f"s3://{aws.bucket}/plain", "CompressionType": "NONE"}
    name = create("output", OutputDataConfig=output)
    job = finish(aws, name)

    prefix = f"plain/{name}/output/"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{aws.bucket}/{prefix}model/"
    assert job["OutputDataConfig"]["CompressionType"] == "NONE"
    left = objects(aws, prefix)
    assert left["model/deep/er/file.txt"] == b"deep"
    assert left["data/extra.txt"] == b"extra"
    assert "model.tar.gz" not in left


@pytest.mark.parametrize("path", [None, "/var/lib/checkpoints/of job"])
def test_checkpoints_go_both_ways(
    aws: AWS, create: Callable[..., str], names: Names, path: str | None
) -> None:
    prefix = names.new("checkpoints")
    config = {"S3Uri": f"s3://{aws.bucket}/{prefix}"}
    if path:
        config["LocalPath"] = path
    members: dict[str, Any] = {
        "CheckpointConfig": config,
        "Environment": {"PROBE": "checkpoint", "CHECKPOINTS": path or "/opt/ml/checkpoints"},
    }
    first = finish(aws, create(**members))
    assert first["CheckpointConfig"] == config
    assert objects(aws, f"{prefix}/") == {"step-1": b"after 0"}

    second = finish(aws, create(**members))
    found = artifacts(aws, second["ModelArtifacts"]["S3ModelArtifacts"])["checkpoints.json"]
    assert json.loads(found) == {"step-1": "after 0"}
    assert objects(aws, f"{prefix}/") == {"step-1": b"after 0", "step-2": b"after 1"}


LINKS = (
    "for each in model output/data checkpoints; do cd /opt/ml/$each; printf state > 100.ckpt; "
    "ln -s 100.ckpt last.ckpt; ln 100.ckpt best.ckpt; done"
)


def test_links_in_what_is_uploaded_as_it_is(aws: AWS, names: Names, probe_image: str) -> None:
    name, bucket_uri = names.new("job"), f"s3://{aws.bucket}"
    aws.sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": probe_image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c", LINKS],
        },
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": bucket_uri, "CompressionType": "NONE"},
        CheckpointConfig={"S3Uri": f"{bucket_uri}/{name}/checkpoints"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )
    job = finish(aws, name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    links = dict.fromkeys(("100.ckpt", "last.ckpt", "best.ckpt"), b"state")
    for place in ("output/model", "output/data", "checkpoints"):
        assert objects(aws, f"{name}/{place}/") == links


def test_metrics_are_in_cloudwatch(aws: AWS, create: Callable[..., str]) -> None:
    name = create()
    finish(aws, name)
    now = datetime.now(UTC)
    found = aws.session.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="probe:r2",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=3600,
        Statistics=["SampleCount", "Maximum", "Minimum"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in found) == 2
    assert {point["Minimum"] for point in found} == {0.5}
    assert {point["Maximum"] for point in found} == {0.75}


def test_what_a_debugger_and_tensorboard_watch_is_uploaded(
    aws: AWS, create: Callable[..., str], names: Names
) -> None:
    prefix = names.new("observed")
    place = f"s3://{aws.bucket}/{prefix}"
    name = create(
        "observed",
        DebugHookConfig={
            "S3OutputPath": place,
            "CollectionConfigurations": [{"CollectionName": "losses"}],
        },
        TensorBoardOutputConfig={"S3OutputPath": place, "LocalPath": "/opt/ml/output/board"},
        ProfilerConfig={"S3OutputPath": place},
        ProfilerRuleConfigurations=[
            {"RuleConfigurationName": "ProfilerReport", "RuleEvaluatorImage": "image:1"}
        ],
    )
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert objects(aws, f"{prefix}/{name}/") == {
        "debug-output/events": b"debughookconfig",
        "tensorboard-output/events": b"tensorboardoutputconfig",
    }
    assert json.loads(seen(aws, job)["input/config/debughookconfig.json"]) == {
        "LocalPath": "/opt/ml/output/tensors",
        "S3OutputPath": place,
        "CollectionConfigurations": [{"CollectionName": "losses"}],
    }
    assert job["ProfilingStatus"] == "Disabled"
    (rule,) = job["ProfilerRuleEvaluationStatuses"]
    assert rule["RuleEvaluationStatus"] == "Error"
