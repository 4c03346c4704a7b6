"""moto as a part of the local AWS: what it answers, and what it has not."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig

from harness.local.aws import LocalAWS
from tests.clients import failure, make_client

_numbers = itertools.count(1)

ROLE = "arn:aws:iam::123456789012:role/training"


@pytest.fixture(scope="module")
def aws():
    with LocalAWS(providers={}) as server:
        yield server


@pytest.fixture(scope="module")
def client(aws):
    clients = {}

    def get(service, region="us-east-1", **config):
        key = (service, region, repr(config))
        if key not in clients:
            clients[key] = make_client(aws, service, region, **config)
        return clients[key]

    return get


@pytest.fixture
def bucket(client):
    name = f"bucket-{next(_numbers)}"
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def connection(aws):
    with contextlib.closing(http.client.HTTPConnection(urlsplit(aws.url).netloc)) as connection:
        yield connection


def test_s3(client, bucket):
    s3 = client("s3")
    key = "a b/c%2Fd+é//x?y#z"
    s3.put_object(Bucket=bucket, Key=key, Body=b"hello", Metadata={"my_key": "1", "my-key2": "2"})
    response = s3.get_object(Bucket=bucket, Key=key)
    assert response["Body"].read() == b"hello"
    assert response["Metadata"] == {"my_key": "1", "my-key2": "2"}
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 5
    assert failure(s3.get_object, Bucket=bucket, Key="none")[:2] == (404, "NoSuchKey")
    assert failure(s3.head_object, Bucket=bucket, Key="none")[:2] == (404, "404")


def test_s3_presigned_url(client, bucket):
    s3 = client("s3")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    put = urllib.request.Request(url, b"body", {"Content-Type": "text/plain"}, method="PUT")
    urllib.request.urlopen(put).close()
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"


def test_s3_buckets_are_in_their_region(client):
    s3 = client("s3", "eu-west-1")
    s3.create_bucket(
        Bucket="in-ireland", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert s3.get_bucket_location(Bucket="in-ireland")["LocationConstraint"] == "eu-west-1"
    again = failure(
        s3.create_bucket,
        Bucket="in-ireland",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    assert again[:2] == (409, "BucketAlreadyOwnedByYou")
    nowhere = failure(s3.create_bucket, Bucket="unconstrained")
    assert nowhere[:2] == (400, "IllegalLocationConstraintException")


def test_a_large_file_goes_up_and_down(client, bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 80_000)  # 20 MB: in parts, several at once
    transfer = TransferConfig(multipart_chunksize=8 * 1024 * 1024)
    client("s3").upload_file(str(source), bucket, "k", Config=transfer)
    client("s3").download_file(bucket, "k", str(target), Config=transfer)
    assert target.read_bytes() == source.read_bytes()


def test_iam(client):
    iam = client("iam")
    iam.create_role(RoleName="training", AssumeRolePolicyDocument="{}")
    assert iam.get_role(RoleName="training")["Role"]["Arn"] == ROLE
    assert failure(iam.get_role, RoleName="nobody")[:2] == (404, "NoSuchEntity")


def test_logs(client):
    logs = client("logs")
    stream = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "job/algo-1-1"}
    logs.create_log_group(logGroupName=stream["logGroupName"])
    logs.create_log_stream(**stream)
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(**stream, logEvents=[{"timestamp": now, "message": "epoch=1"}])
    (event,) = logs.get_log_events(**stream, startFromHead=True)["events"]
    assert event["message"] == "epoch=1"


@pytest.mark.parametrize(
    ("service", "method", "parameters", "asked_for"),
    [
        ("sagemaker", "create_image", {"ImageName": "i", "RoleArn": ROLE}, "sagemaker:CreateImage"),
        ("iam", "generate_service_last_accessed_details", {"Arn": ROLE}, None),
        ("omics", "list_reference_stores", {}, "omics:ListReferenceStores"),
        ("gamelift", "list_builds", {}, "gamelift:ListBuilds"),
    ],
)
def test_what_moto_lacks_too_is_named(client, service, method, parameters, asked_for):
    client = client(service, inject_host_prefix=False)
    status, code, message = failure(getattr(client, method), **parameters)
    assert (status, code) == (501, "UnknownOperationException")
    asked_for = asked_for or "iam:GenerateServiceLastAccessedDetails"
    assert message == f"Neither the harness nor moto implements {asked_for}."


def test_what_moto_lacks_where_nobody_reads_stdout(client, monkeypatch):
    """moto prints that it knows no such host: into a pipe that is closed, after `--detach`."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering=1) as closed:  # noqa: PTH123  # a descriptor
        monkeypatch.setattr(sys, "stdout", closed)
        status, code, _ = failure(client("gamelift").list_builds)
        monkeypatch.undo()
        assert (status, code) == (501, "UnknownOperationException")


@pytest.mark.parametrize(
    ("service", "method", "member"),
    [
        ("s3tables", "list_table_buckets", "tableBuckets"),
        ("appmesh", "list_meshes", "meshes"),
        ("resiliencehub", "list_apps", "appSummaries"),
    ],
)
def test_services_that_look_at_each_header(client, service, method, member):
    assert getattr(client(service), method)()[member] == []


@pytest.mark.parametrize(
    ("service", "method", "parameters", "package"),
    [
        ("cloudformation", "create_stack", {"StackName": "s", "TemplateBody": "{}"},
         "openapi_spec_validator"),
        ("glue", "get_databases", {}, "pyparsing"),
        ("apigateway", "get_rest_apis", {}, "openapi_spec_validator"),
        ("xray", "get_groups", {}, "aws_xray_sdk"),
        ("cognito-idp", "list_user_pools", {"MaxResults": 1}, "joserfc"),
    ],
)  # fmt: skip
def test_a_service_whose_package_is_not_installed(
    monkeypatch, service, method, parameters, package
):
    folder = service.replace("-", "")
    for name in list(sys.modules):
        if name.startswith((f"moto.{folder}", "moto.apigateway", package)):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with LocalAWS(providers={}) as server:
        said = failure(getattr(make_client(server, service), method), **parameters)
    operation = method.title().replace("_", "")
    assert said == (
        501,
        "UnknownOperationException",
        (
            f"{service}:{operation} needs the Python package {package}, which isn't installed; "
            "install it and those of all other services by: pip install "
            "'sagemaker-harness[all-services]'"
        ),
    )


def test_what_aws_lacks_too(connection):
    headers = {
        "X-Amz-Target": "SageMaker.CreateMiracle",
        "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/sagemaker/aws4_request,",
    }
    connection.request("POST", "/", b"{}", headers)
    response = connection.getresponse()
    assert response.status == 400
    assert json.loads(response.read()) == {
        "__type": "UnknownOperationException",
        "message": "There is no operation sagemaker:CreateMiracle.",
    }


def test_a_fault_of_motos(client, monkeypatch, caplog):
    from moto.sts.responses import TokenResponse

    def fail(self):
        raise RuntimeError("a fault of moto's")

    monkeypatch.setattr(TokenResponse, "get_caller_identity", fail)
    status, code, _ = failure(client("sts").get_caller_identity)
    assert (status, code) == (500, "InternalFailure")
    assert "a fault of moto's" in caplog.text
