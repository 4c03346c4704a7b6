"""What a newcomer's boto3 asks for wrongly: of the local AWS, or of another than was meant."""

from __future__ import annotations

import socket

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ROLE = "arn:aws:iam::123456789012:role/sagemaker"


@pytest.fixture
def refused(boto):
    """CreateTrainingJob with this instead; returns what boto3 raises."""
    boto.client("s3").create_bucket(Bucket="asked")
    sagemaker = boto.client("sagemaker")

    def refused(uri="s3://asked/train", **members):
        request = {
            "TrainingJobName": "job",
            "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "InputDataConfig": [
                {"ChannelName": "train", "DataSource": {"S3DataSource": {
                    "S3DataType": "S3Prefix", "S3Uri": uri}}}
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://asked/out"},
            "ResourceConfig": {
                "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        }  # fmt: skip
        whole = {name: value for name, value in request.items() if value is not None}
        with pytest.raises((ClientError, BotoCoreError)) as raised:
            sagemaker.create_training_job(**whole)
        return str(raised.value)

    return refused


def test_the_bucket_of_a_channel_is_not_there(refused, told):
    told("no-bucket", refused("s3://nowhere/train"))


def test_nothing_is_below_the_prefix(refused, told):
    told("no-objects", refused("s3://asked/tarin"))


def test_there_is_no_such_instance_type(refused, told):
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.lrge", "VolumeSizeInGB": 1}
    told("api-instance-type", refused(ResourceConfig=resources))


def test_a_hyperparameter_is_a_number(refused, told):
    told("hyperparameter-number", refused(HyperParameters={"epochs": 10}))


def test_a_member_is_missing(refused, told):
    told("missing-member", refused(OutputDataConfig=None))


def test_a_name_has_an_underscore(refused, told):
    told("bad-name", refused(TrainingJobName="my_job"))


def test_the_role_is_no_arn(refused, told):
    told("bad-role", refused(RoleArn="sagemaker-execution"))


def test_objects_are_put_into_no_bucket(boto, told):
    with pytest.raises(ClientError) as raised:
        boto.client("s3").put_object(Bucket="absent", Key="rows.csv", Body=b"1")
    told("s3-no-bucket", str(raised.value))


def test_an_endpoint_is_not_there(boto, told):
    runtime = boto.client("sagemaker-runtime")
    with pytest.raises(ClientError) as raised:
        runtime.invoke_endpoint(EndpointName="my-endpiont", Body=b"1")
    told("no-endpoint", str(raised.value))


def test_a_job_was_made_in_another_region(boto, told):
    with pytest.raises(ClientError) as raised:
        boto.client("sagemaker", region_name="eu-west-1").describe_training_job(
            TrainingJobName="job"
        )
    told("another-region", str(raised.value))


@pytest.fixture
def nothing(monkeypatch, tmp_path):
    """A shell without `harness env`."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE",
                 "AWS_REGION", "AWS_DEFAULT_REGION"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_boto3_was_told_no_region(nothing, told):
    with pytest.raises(BotoCoreError) as raised:
        boto3.Session().client("sagemaker")
    told("no-region", str(raised.value))


def test_boto3_means_the_real_aws(nothing, told):
    client = boto3.Session(region_name="us-east-1").client("sagemaker")
    assert client.meta.endpoint_url.endswith(".amazonaws.com")
    with pytest.raises(BotoCoreError) as raised:
        client.list_training_jobs()
    told("real-aws", str(raised.value))


def test_the_local_aws_has_ended(told):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = boto3.Session("key", "secret", region_name="us-east-1").client(
        "sagemaker", endpoint_url=f"http://127.0.0.1:{port}",
        config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip
    with pytest.raises(BotoCoreError) as raised:
        client.list_training_jobs()
    told("service-gone", str(raised.value))


@pytest.mark.docker
def test_a_models_data_is_not_there(boto, told, wrong_image):
    sagemaker = boto.client("sagemaker")
    boto.client("s3").create_bucket(Bucket="asked")
    with pytest.raises(ClientError) as raised:
        sagemaker.create_model(
            ModelName="none", ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": wrong_image, "ModelDataUrl": "s3://asked/model.tar.gz"},
        )  # fmt: skip
    told("no-model-data", str(raised.value))
