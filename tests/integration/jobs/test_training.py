"""Training jobs of the local AWS, run in Docker on the probe image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.support import ROLE
from tests.integration.training import artifacts, channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)


def test_a_job_reads_its_channels_and_leaves_its_model(
    aws: AWS, create: Callable[..., str], names: Names
) -> None:
    prefix = names.new("data")
    for key, body in (
        ("train/a.csv", b"1,2\n"),
        ("train/deep/b.csv", b"3,4\n"),
        ("test.csv", b"5\n"),
    ):
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{key}", Body=body)

    name = create(
        "output",
        HyperParameters={"df": "20", "alpha": "1.0"},
        InputDataConfig=[
            channel("train", f"s3://{aws.bucket}/{prefix}/train"),
            channel("test", f"s3://{aws.bucket}/{prefix}/test.csv"),
        ],
    )
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Completed"
    assert job["SecondaryStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert "FailureReason" not in job
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{aws.bucket}/out/{name}/output/model.tar.gz"
    files = artifacts(aws, uri)
    assert files["deep/er/file.txt"] == b"deep"
    seen = json.loads(files["seen.json"])
    assert seen["input/data/train/a.csv"] == "1,2\n"
    assert seen["input/data/train/deep/b.csv"] == "3,4\n"
    assert seen["input/data/test/test.csv"] == "5\n"
    assert json.loads(seen["input/config/hyperparameters.json"]) == {"df": "20", "alpha": "1.0"}
    resources = json.loads(seen["input/config/resourceconfig.json"])
    assert resources["current_host"] == "algo-1"
    assert resources["hosts"] == ["algo-1"]
    assert resources["current_instance_type"] == "ml.m5.large"
    channels = json.loads(seen["input/config/inputdataconfig.json"])
    assert channels["train"]["ContentType"] == "text/csv"
    environment = json.loads(files["environment.json"])
    assert environment["TRAINING_JOB_NAME"] == name
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["AWS_REGION"] == "us-east-1"
    output = artifacts(aws, f"s3://{aws.bucket}/out/{name}/output/output.tar.gz")
    assert output == {"extra.txt": b"extra"}


def test_metrics_and_logs_are_kept(aws: AWS, create: Callable[..., str]) -> None:
    name = create()
    job = finish(aws, name)

    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("probe:r2", 0.75)
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)[
        "logStreams"
    ]
    assert stream["logStreamName"].startswith(f"{name}/algo-1-")
    assert aws.log(group, name) == ["train: PROBE=''", "probe:r2=0.5;", "probe:r2=0.75;"]


def test_a_very_long_line_is_cut_and_nothing_is_lost(aws: AWS, create: Callable[..., str]) -> None:
    name = create("long-lines")
    assert finish(aws, name)["TrainingJobStatus"] == "Completed"

    messages = aws.log("/aws/sagemaker/TrainingJobs", name)
    assert sum(message.count("y") for message in messages) == 600_000
    assert messages[-1] == "after the long line"


def test_files_of_any_name_stand_at_the_top_of_the_archive(
    aws: AWS, create: Callable[..., str]
) -> None:
    job = finish(aws, create("odd-names"))

    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    for name in ("üñï", "härd", "x" * 200, "line\nbreak"):
        assert files[name] == b"odd"
    assert {"seen.json", "deep/er/file.txt"} < files.keys()
    assert not any(name.startswith("model/") for name in files)


def test_a_failure_file_that_is_a_link_is_none(aws: AWS, create: Callable[..., str]) -> None:
    job = finish(aws, create("fail-with-link"))

    assert job["FailureReason"] == "AlgorithmError: the last words, exit code: 3"


def test_a_failing_script_gives_its_failure_file(aws: AWS, create: Callable[..., str]) -> None:
    job = finish(aws, create("fail-with-file"))

    assert job["TrainingJobStatus"] == "Failed"
    assert job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: the reason, xxx")
    assert job["FailureReason"].endswith(", exit code: 3")
    assert len(job["FailureReason"]) <= 1024


def test_without_a_failure_file_the_last_log_line_is_the_reason(
    aws: AWS, create: Callable[..., str]
) -> None:
    job = finish(aws, create("fail-without-file"))

    assert job["FailureReason"] == "AlgorithmError: the last words, exit code: 4"


def test_an_entry_point_replaces_the_images_own(
    aws: AWS, create: Callable[..., str], probe_image: str
) -> None:
    name = create(
        AlgorithmSpecification={
            "TrainingImage": probe_image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c"],
            "ContainerArguments": ["import sys; sys.exit('own entry point')"],
        }
    )
    assert finish(aws, name)["FailureReason"] == "AlgorithmError: own entry point, exit code: 1"


def test_a_stopped_job_keeps_what_it_saved(aws: AWS, create: Callable[..., str]) -> None:
    name = create("until-sigterm")
    aws.wait_for_log("/aws/sagemaker/TrainingJobs", name, "waiting for SIGTERM")
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "Stopped"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]][-2:] == [
        "Stopping", "Stopped",
    ]  # fmt: skip
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert files["checkpoint.txt"] == b"saved on SIGTERM"
    with pytest.raises(ClientError, match=r"ValidationException.*Stopped"):
        aws.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_takes_too_long_is_stopped(aws: AWS, create: Callable[..., str]) -> None:
    job = finish(aws, create("until-sigterm", StoppingCondition={"MaxRuntimeInSeconds": 2}))

    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert files["checkpoint.txt"] == b"saved on SIGTERM"


def test_missing_data_is_refused_in_aws_words(aws: AWS, create: Callable[..., str]) -> None:
    with pytest.raises(ClientError) as refused:
        create(InputDataConfig=[channel("train", f"s3://{aws.bucket}/nothing/here")])
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == (
        f'No S3 objects found under S3 URL "s3://{aws.bucket}/nothing/here" given in input data '
        "source. Please ensure that the bucket exists in the selected region (us-east-1), that "
        f'objects exist under that S3 prefix, and that the role "{ROLE}" has "s3:ListBucket" '
        f'permissions on bucket "{aws.bucket}".'
    )
    with pytest.raises(ClientError, match="The specified bucket does not exist"):
        create(InputDataConfig=[channel("train", "s3://no-such-bucket-at-all/x")])


def test_an_output_bucket_that_does_not_exist_fails_the_job(
    aws: AWS, create: Callable[..., str]
) -> None:
    job = finish(aws, create(OutputDataConfig={"S3OutputPath": "s3://no-such-bucket-at-all/x"}))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")
    assert "NoSuchBucket" in job["FailureReason"]


@pytest.mark.parametrize(
    ("name", "tag", "digest"),
    [
        ("x:1", "1", "null"),
        ("x", "latest", "null"),
        (f"x@sha256:{'0' * 64}", "null", f"sha256:{'0' * 64}"),
    ],
    ids=["tag", "neither", "digest"],
)
def test_an_image_that_does_not_exist_is_refused(
    aws: AWS, create: Callable[..., str], name: str, tag: str, digest: str
) -> None:
    image = f"harness-no-such-image.invalid/{name}"
    with pytest.raises(ClientError) as refused:
        create(AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"})
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(
        f"Cannot find the requested image: {image} with tag: {tag} and digest: {digest}. Please "
        "check if your ECR image exists and role arn:aws:iam::"
    )
    jobs = aws.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert not [each for each in jobs if each["TrainingJobStatus"] == "InProgress"]


def test_a_repository_that_does_not_exist_is_refused(create: Callable[..., str]) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/no-such-repository:1"
    with pytest.raises(ClientError) as refused:
        create(AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"})
    assert refused.value.response["Error"]["Message"].startswith(
        "Cannot find repository: no-such-repository in registry ID: 123456789012. Please check if "
        "your ECR repository exists and role arn:aws:iam::"
    )


def test_an_image_without_the_command_fails_the_job(
    aws: AWS, create: Callable[..., str], bare_image: str
) -> None:
    job = finish(
        aws,
        create(AlgorithmSpecification={"TrainingImage": bare_image, "TrainingInputMode": "File"}),
    )
    assert job["FailureReason"].startswith("ClientError: CannotStartContainerError.")
    assert '"train": executable file not found' in job["FailureReason"]


def test_a_taken_name_is_refused(aws: AWS, create: Callable[..., str]) -> None:
    name = create()
    with pytest.raises(ClientError) as refused:
        create(TrainingJobName=name)
    error = refused.value.response["Error"]
    assert error["Code"] == "ResourceInUse"
    assert error["Message"] == (
        "Training job names must be unique within an AWS account and region, and a training job "
        "with this name already exists "
        f"(arn:aws:sagemaker:us-east-1:123456789012:training-job/{name})"
    )
    finish(aws, name)


def test_a_deleted_job_is_gone_and_its_name_free(aws: AWS, create: Callable[..., str]) -> None:
    name = create("until-sigterm")
    aws.wait_for_log("/aws/sagemaker/TrainingJobs", name, "waiting for SIGTERM")
    with pytest.raises(ClientError, match=r"ResourceInUse.*InProgress"):
        aws.sagemaker.delete_training_job(TrainingJobName=name)
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    finish(aws, name)

    aws.sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="Requested resource not found"):
        aws.sagemaker.describe_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        aws.sagemaker.delete_training_job(TrainingJobName=name)
    create(TrainingJobName=name)
    assert finish(aws, name)["TrainingJobStatus"] == "Completed"


def test_network_isolation_leaves_only_the_own_name(
    aws: AWS, create: Callable[..., str], probe_image: str
) -> None:
    script = (
        "import socket, sys; "
        "names = sorted(name for _, name in socket.if_nameindex()); "
        "sys.exit(f'{names} {socket.gethostbyname(\"algo-1\")}')"
    )
    job = finish(
        aws,
        create(
            EnableNetworkIsolation=True,
            AlgorithmSpecification={
                "TrainingImage": probe_image,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python3", "-c", script],
            },
        ),
    )
    assert job["FailureReason"] == "AlgorithmError: ['lo'] 127.0.0.1, exit code: 1"
    assert job["EnableNetworkIsolation"] is True


def test_several_jobs_run_at_once(aws: AWS, create: Callable[..., str]) -> None:
    jobs = [create("until-sigterm") for _ in range(3)]
    for name in jobs:
        aws.wait_for_log("/aws/sagemaker/TrainingJobs", name, "waiting for SIGTERM")
    listed = aws.sagemaker.list_training_jobs(StatusEquals="InProgress", MaxResults=100)
    assert {summary["TrainingJobName"] for summary in listed["TrainingJobSummaries"]} >= set(jobs)
    for name in jobs:
        aws.sagemaker.stop_training_job(TrainingJobName=name)
    assert [finish(aws, name)["TrainingJobStatus"] for name in jobs] == ["Stopped"] * 3


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"InputDataConfig": [channel("train", "s3://b/c", S3DataType="Converse")]},
         "S3DataType Converse"),
    ],
)  # fmt: skip
def test_what_is_not_run_locally_is_refused(
    create: Callable[..., str], members: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{words}.*not run by the local"):
        create(**members)


def test_nothing_is_left_behind(aws: AWS, create: Callable[..., str]) -> None:
    name = create()
    finish(aws, name)
    aws.wait_until(lambda: not aws.containers(name), "the job's container is removed")
