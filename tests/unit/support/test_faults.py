"""The proxy that the other tests put before the local AWS, to have it fail."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from tests.faults import Faults


@pytest.fixture(scope="module")
def server():
    with LocalAWS() as server:
        yield server


@pytest.fixture
def faults(server):
    with Faults(server.url) as faults:
        yield faults


@pytest.fixture
def client(faults):
    def client(service, attempts=1):
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=faults.url,
            aws_access_key_id="harness",
            aws_secret_access_key="harness",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    return client


def code(call, **members):
    with pytest.raises(ClientError) as raised:
        call(**members)
    return raised.value.response["Error"]["Code"]


def test_what_no_fault_is_for_goes_through(faults, client):
    s3 = client("s3")
    s3.create_bucket(Bucket="through")
    s3.put_object(Bucket="through", Key="a/b c", Body=b"x" * 100_000)

    assert s3.get_object(Bucket="through", Key="a/b c")["Body"].read() == b"x" * 100_000
    assert s3.head_object(Bucket="through", Key="a/b c")["ContentLength"] == 100_000
    assert s3.list_objects_v2(Bucket="through")["KeyCount"] == 1
    assert client("sts").get_caller_identity()["Account"] == "123456789012"
    assert client("sagemaker").list_models()["Models"] == []
    with pytest.raises(ClientError, match="not found"):
        client("sagemaker-runtime").invoke_endpoint(EndpointName="none", Body=b"")
    assert faults.calls == [
        "s3:CreateBucket",
        "s3:PutObject",
        "s3:GetObject",
        "s3:HeadObject",
        "s3:ListObjectsV2",
        "sts:GetCallerIdentity",
        "sagemaker:ListModels",
        "sagemaker:InvokeEndpoint",
    ]


def test_each_protocol_has_its_errors(faults, client):
    for operation in (
        "s3:ListBuckets",
        "sts:GetCallerIdentity",
        "ecr:DescribeRepositories",
        "sagemaker:InvokeEndpoint",
    ):
        faults.add(operation, "AccessDenied", "no & never", status=403)

    assert code(client("s3").list_buckets) == "AccessDenied"
    assert code(client("sts").get_caller_identity) == "AccessDenied"
    assert code(client("ecr").describe_repositories) == "AccessDenied"
    runtime = client("sagemaker-runtime")
    assert code(runtime.invoke_endpoint, EndpointName="a", Body=b"") == "AccessDenied"


def test_a_head_has_headers_only(faults, client):
    region = {"x-amz-bucket-region": "eu-west-1"}
    faults.add("s3:HeadBucket", "PermanentRedirect", status=301, headers=region)

    with pytest.raises(ClientError) as raised:
        client("s3").head_bucket(Bucket="elsewhere")

    metadata = raised.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 301
    assert metadata["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"


def test_each_operation_fails_the_first_times_and_a_retry_gets_through(faults, client):
    faults.add("*", "ThrottlingException", "Rate exceeded", times=2)
    sagemaker = client("sagemaker", attempts=3)

    assert sagemaker.list_models()["Models"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert faults.calls == ["sagemaker:ListModels"] * 3 + ["sagemaker:ListEndpoints"] * 3
    client("s3", attempts=3).list_buckets()


def test_faults_are_forgotten(faults, client):
    faults.add("sagemaker:List*", "InternalFailure", status=500)
    assert code(client("sagemaker").list_models) == "InternalFailure"

    faults.clear()

    assert client("sagemaker").list_models()["Models"] == []
    assert faults.calls == ["sagemaker:ListModels"]
