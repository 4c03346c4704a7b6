"""Requests of the SDK's local mode, as they leave the client."""

import json

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ParamValidationError

from harness.errors import ConfigError
from harness.local.aws import LocalAWS
from harness.local.core.client import ensure_bucket, local_boto_session
from harness.sdk import local_mode
from harness.sdk.local_mode import LocalMode

ROLE = "arn:aws:iam::123456789012:role/mine"


@pytest.fixture(scope="module")
def server():
    with LocalAWS() as server:
        yield server


@pytest.fixture
def boto(server):
    boto = local_boto_session(server.url, "us-east-1")
    ensure_bucket(boto, "files")
    LocalMode(boto, "files")
    return boto


@pytest.fixture
def sent(boto):
    """Sends an operation's request nowhere; returns the document that would have been sent."""

    def send(operation, **members):
        documents = []

        def answer(request, **_):
            documents.append(json.loads(request.body))
            return AWSResponse(request.url, 200, HTTPHeaders(), Raw(b"{}"))

        client = boto.client("sagemaker")
        client.meta.events.register("before-send.sagemaker", answer)
        getattr(client, operation)(**members)
        return documents[0]

    return send


class Raw:
    """What botocore reads a response from."""

    def __init__(self, body):
        self._body = body

    def stream(self, *_, **__):
        yield self._body


def training(source, kind="local", **members):
    return {
        "TrainingJobName": "a",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": "s3://files/out"},
        "ResourceConfig": {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def keys(boto, url):
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    listed = boto.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    return [each["Key"].removeprefix(prefix) for each in listed]


@pytest.mark.parametrize("kind", local_mode.INSTANCE_TYPES)
def test_a_channel_of_files_is_uploaded_and_a_local_type_is_one_of_sagemakers(
    boto, sent, tmp_path, kind
):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.csv").write_text("2")
    (tmp_path / "a.csv").write_text("1")
    source = {"FileDataSource": {"FileUri": f"file://{tmp_path}"}}

    document = sent("create_training_job", **training(source, kind))

    assert document["ResourceConfig"]["InstanceType"] == local_mode.INSTANCE_TYPES[kind]
    assert document["RoleArn"] == ROLE
    found = document["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert keys(boto, found.pop("S3Uri")) == ["a.csv", "deep/b.csv"]
    assert found == {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}


def test_a_file_named_by_a_relative_url_is_uploaded(boto, sent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.tar.gz").write_bytes(b"1")
    container = {"Image": "i", "ModelDataUrl": "file://./model.tar.gz"}

    document = sent("create_model", ModelName="a", ExecutionRoleArn=ROLE, Containers=[container])

    url = document["Containers"][0]["ModelDataUrl"]
    assert url.endswith("/model.tar.gz")
    assert keys(boto, url) == [""]


def test_every_place_of_an_instance_type_is_meant(sent):
    document = sent(
        "create_endpoint_config",
        EndpointConfigName="a",
        ProductionVariants=[{"VariantName": "v", "ModelName": "m", "InstanceType": "local"}],
    )
    assert document["ProductionVariants"][0]["InstanceType"] == "ml.m5.4xlarge"


def test_a_local_job_needs_no_role_and_another_one_does(boto, sent):
    members = {
        "ProcessingJobName": "a",
        "AppSpecification": {"ImageUri": "i"},
    }
    cluster = {"InstanceCount": 1, "InstanceType": "local", "VolumeSizeInGB": 1}
    document = sent(
        "create_processing_job", **members, ProcessingResources={"ClusterConfig": cluster}
    )
    assert document["RoleArn"] == local_mode.ROLE

    cluster["InstanceType"] = "ml.m5.large"
    with pytest.raises(ParamValidationError, match="RoleArn"):
        sent("create_processing_job", **members, ProcessingResources={"ClusterConfig": cluster})


def test_what_cannot_be_uploaded_is_named(sent, tmp_path):
    def send(url, **members):
        return sent(
            "create_training_job", **training({"FileDataSource": {"FileUri": url}}, **members)
        )

    with pytest.raises(ConfigError, match=f"no file or folder {tmp_path}/none"):
        send(f"file://{tmp_path}/none")
    with pytest.raises(ConfigError, match="has no file in it"):
        send(f"file://{tmp_path}")
    (tmp_path / "a").write_text("1")
    with pytest.raises(ConfigError, match=r"OutputDataConfig\.S3OutputPath is file:///out"):
        send(f"file://{tmp_path}", OutputDataConfig={"S3OutputPath": "file:///out"})
