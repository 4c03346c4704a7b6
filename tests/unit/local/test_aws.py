"""The local AWS put together: from SDK clients over HTTP to small providers, and to moto."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from harness.local.aws import LocalAWS
from harness.local.http.limits import Limits
from harness.local.protocol.errors import AwsError, LeaveToMoto
from tests.clients import failure, make_client

ROLE = "arn:aws:iam::123456789012:role/training"


class Jobs:
    """Training jobs as records, and everything that can go wrong."""

    def __init__(self):
        self.jobs = {}
        self.closed = False

    def create_training_job(self, context, request):
        self.jobs[request["TrainingJobName"]] = request
        return {"TrainingJobArn": context.arn(f"training-job/{request['TrainingJobName']}")}

    def describe_training_job(self, context, request):
        job = self.jobs.get(request["TrainingJobName"])
        if job is None:
            raise AwsError("ResourceNotFound", "Requested resource not found.")
        return {
            **job,
            "TrainingJobArn": context.arn(f"training-job/{request['TrainingJobName']}"),
            "TrainingJobStatus": "Completed",
            "CreationTime": datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
            "VpcConfig": {},
        }

    def list_training_jobs(self, context, request):
        return {"TrainingJobSummaries": [], "NextToken": None}

    def list_tags(self, context, request):
        raise LeaveToMoto

    def list_models(self, context, request):
        raise RuntimeError("a fault of the provider")


class Runtime:
    def __init__(self):
        self.barrier: Any = None
        self.proceed = threading.Event()

    def invoke_endpoint(self, context, request):
        if request["EndpointName"] == "broken":
            raise AwsError(
                "ModelError",
                'Received server error (500) from primary with message "no".',
                OriginalStatusCode=500,
                OriginalMessage="no",
                LogStreamArn="arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker",
            )
        if request["EndpointName"] == "together":
            self.barrier.wait(timeout=30)
        return {
            "Body": request["Body"],
            "ContentType": request.get("ContentType"),
            "InvokedProductionVariant": request.get("TargetVariant"),
            "CustomAttributes": request.get("CustomAttributes"),
        }

    def invoke_endpoint_with_response_stream(self, context, request):
        return {"Body": self.parts(request), "ContentType": "text/plain"}

    def parts(self, request):
        yield {"PayloadPart": {"Bytes": b"first"}}
        assert self.proceed.wait(timeout=30)
        if request["EndpointName"] == "broken":
            raise AwsError("ModelStreamError", "died", ErrorCode="StreamBroken")
        yield {"PayloadPart": {"Bytes": request["Body"]}}


@pytest.fixture(scope="module")
def jobs():
    return Jobs()


@pytest.fixture(scope="module")
def runtime():
    return Runtime()


@pytest.fixture(scope="module")
def aws(jobs, runtime):
    with LocalAWS(providers={"sagemaker": [jobs], "sagemaker-runtime": [runtime]}) as server:
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


# SageMaker


def training_job(name):
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"df": "20", "ü": "…"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def test_a_round_trip(client):
    sagemaker = client("sagemaker", "eu-west-1")
    request = training_job("job-1")
    created = sagemaker.create_training_job(**request)
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-1"
    assert created["TrainingJobArn"] == arn
    described = sagemaker.describe_training_job(TrainingJobName="job-1")
    metadata = described.pop("ResponseMetadata")
    assert described == {
        **request,
        "TrainingJobArn": arn,
        "TrainingJobStatus": "Completed",
        "CreationTime": datetime(2026, 1, 2, 3, 4, 5, 679_000, tzinfo=UTC),
    }
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


def test_an_empty_list_stays(client):
    response = client("sagemaker").list_training_jobs()
    assert response["TrainingJobSummaries"] == []
    assert "NextToken" not in response


def test_a_modeled_error(client):
    sagemaker = client("sagemaker")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match="Requested resource not fou"):
        sagemaker.describe_training_job(TrainingJobName="nobody")


def test_a_request_that_breaks_constraints(client):
    status, code, message = failure(
        client("sagemaker").create_training_job, **training_job("no_good")
    )
    assert (status, code) == (400, "ValidationException")
    assert message == (
        "1 validation error detected: Value 'no_good' at 'trainingJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_a_fault_of_ours(client, caplog):
    status, code, message = failure(client("sagemaker").list_models)
    assert (status, code) == (500, "InternalFailure")
    assert message.startswith("ListModels failed with an unexpected error in the local AWS")
    assert "a fault of the provider" in caplog.text


def test_what_no_provider_has_is_motos(client):
    client("sagemaker").create_pipeline(
        PipelineName="p", ClientRequestToken="t" * 32, RoleArn=ROLE, PipelineDefinition="{}"
    )
    (pipeline,) = client("sagemaker").list_pipelines()["PipelineSummaries"]
    assert pipeline["PipelineName"] == "p"
    # And what a provider of ours leaves to moto:
    arn = client("sagemaker").describe_pipeline(PipelineName="p")["PipelineArn"]
    assert client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == []


# SageMaker Runtime


def test_an_invocation(client):
    body = bytes(range(256))
    response = client("sagemaker-runtime").invoke_endpoint(
        EndpointName="e", Body=body, ContentType="application/x-npy", TargetVariant="v"
    )
    assert response["Body"].read() == body
    assert response["ContentType"] == "application/x-npy"
    assert response["InvokedProductionVariant"] == "v"
    assert "CustomAttributes" not in response


def test_a_model_error_has_all_its_members(client):
    runtime = client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="broken", Body=b"")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 500
    assert response["OriginalMessage"] == "no"
    assert response["LogStreamArn"].startswith("arn:aws:logs:")


def test_a_full_body_both_ways(client):
    body = b"x" * 6_291_456
    response = client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=body)
    assert response["Body"].read() == body


@pytest.mark.parametrize(
    ("size", "status", "code", "message"),
    [
        (
            6_291_457,
            400,
            "ValidationError",
            (
                "1 validation error detected: Value at 'body' failed to satisfy constraint: "
                "Member must have length less than or equal to 6291456"
            ),
        ),
        (20_000_000, 413, "413", "HTTP content length exceeded 6295552 bytes."),
    ],
)
def test_too_large_a_body(client, size, status, code, message):
    runtime = client("sagemaker-runtime")
    error = failure(runtime.invoke_endpoint, EndpointName="e", Body=b"x" * size)
    assert error == (status, code, message)
    assert runtime.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read() == b"1"


def test_a_response_stream_arrives_as_it_is_made(client, runtime):
    runtime.proceed.clear()
    response = client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="e", Body=b"second"
    )
    assert response["ContentType"] == "text/plain"
    parts = iter(response["Body"])
    assert next(parts) == {"PayloadPart": {"Bytes": b"first"}}
    runtime.proceed.set()
    assert list(parts) == [{"PayloadPart": {"Bytes": b"second"}}]


def test_a_response_stream_that_breaks(client, runtime):
    runtime.proceed.set()
    response = client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="broken", Body=b""
    )
    parts = iter(response["Body"])
    next(parts)
    with pytest.raises(EventStreamError, match=r"ModelStreamError.* died"):
        next(parts)


def test_64_invocations_at_once(aws, runtime):
    runtime.barrier = threading.Barrier(64)
    client = make_client(aws, "sagemaker-runtime", max_pool_connections=64)

    def invoke(number):
        body = str(number).encode()
        return client.invoke_endpoint(EndpointName="together", Body=body)["Body"].read()

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(invoke, range(64))) == [str(number).encode() for number in range(64)]


@pytest.mark.slow
def test_more_operations_at_once_than_threads_that_each_call_s3():
    """As none of these is answered before S3 is, none may have to wait until another one is."""
    request = {
        "TrainingJobName": "x",
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
        "InputDataConfig": [{
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://none/at-all"}},
        }],
        "OutputDataConfig": {"S3OutputPath": "s3://none/out"},
        "ResourceConfig": {
            "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "RoleArn": "arn:aws:iam::123456789012:role/x",
    }  # fmt: skip
    body = json.dumps(request).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: SageMaker.CreateTrainingJob\r\n"
        "Content-Type: application/x-amz-json-1.1\r\nAuthorization: AWS4-HMAC-SHA256 "
        "Credential=x/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=x"
        f"\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with LocalAWS() as aws, contextlib.ExitStack() as clean:
        address = ("127.0.0.1", aws.port)
        connections = [
            clean.enter_context(socket.create_connection(address, timeout=30)) for _ in range(400)
        ]
        for connection in connections:
            connection.sendall(head.encode() + body)
        answers = [connection.makefile("rb").read() for connection in connections]
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 400 Bad Request"}
    assert all(b"No S3 objects found" in answer for answer in answers)


def test_the_account_is_the_configured_one():
    with LocalAWS(account_id="111122223333", providers={}) as server:
        assert make_client(server, "sts").get_caller_identity()["Account"] == "111122223333"
        role = make_client(server, "iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        assert role["Role"]["Arn"] == "arn:aws:iam::111122223333:role/r"
        make_client(server, "s3").create_bucket(Bucket="of-another-account")
        assert (
            make_client(server, "s3").list_objects_v2(Bucket="of-another-account")["KeyCount"] == 0
        )


# Life


def listens(server):
    try:
        socket.create_connection((server.host, server.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_it_listens_on_loopback_and_frees_its_port():
    server = LocalAWS(providers={})
    with server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert listens(server)
    assert not listens(server)
    with LocalAWS(port=server.port, providers={}) as again:
        assert again.port == server.port
        assert listens(again)


def test_it_can_listen_on_further_addresses():
    with LocalAWS(extra_hosts=["127.0.0.2"], providers={}) as server:
        for host in ("127.0.0.1", "127.0.0.2"):
            with urllib.request.urlopen(f"http://{host}:{server.port}/_harness/health") as answer:
                assert answer.status == 200


def test_a_port_that_is_taken(jobs):
    with LocalAWS(providers={}) as server:
        expected = rf"can't listen on 127\.0\.0\.1, port {server.port}: .*Address already in use"
        with pytest.raises(OSError, match=expected):
            LocalAWS(port=server.port, providers={}).start()
        assert listens(server)


def test_an_address_that_is_not_ours_leaves_nothing_listening():
    server = LocalAWS(extra_hosts=["192.0.2.1"], providers={})
    with pytest.raises(OSError, match=r"can't listen on 192\.0\.2\.1"):
        server.start()
    assert server.port != 0
    assert not listens(server)


def test_it_can_be_closed_twice_and_started_once():
    server = LocalAWS(providers={}).start()
    with pytest.raises(RuntimeError, match="has been started already"):
        server.start()
    server.close()
    server.close()


class Closing:
    """Notes, when it is closed, whether the server still answers."""

    def __init__(self, log, name, error=None):
        self.log, self.name, self.error = log, name, error
        self.server: Any = None

    def close(self):
        self.log.append((self.name, listens(self.server)))
        if self.error:
            raise self.error


def test_providers_are_closed_first_and_last_one_first(caplog):
    log: list[tuple[str, bool]] = []
    providers = [Closing(log, "a"), Closing(log, "b", RuntimeError("stuck")), Closing(log, "c")]
    server = LocalAWS(providers={"sagemaker": providers})
    for each in providers:
        each.server = server
    server.start().close()
    assert log == [("c", True), ("b", True), ("a", True)]
    assert "stuck" in caplog.text
    assert not listens(server)


def test_closing_does_not_wait_for_a_request_without_end(monkeypatch):
    monkeypatch.setattr("harness.local.http.listening.LIMITS", Limits(close=0.1))
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        def invoke_endpoint(self, context, request):
            entered.set()
            leave.wait(60)
            return {"Body": b""}

    server = LocalAWS(providers={"sagemaker-runtime": [Slow()]}).start()
    client = make_client(server, "sagemaker-runtime")

    def invoke():
        with contextlib.suppress(Exception):
            client.invoke_endpoint(EndpointName="e", Body=b"")

    thread = threading.Thread(target=invoke)
    thread.start()
    assert entered.wait(30)
    server.close()
    assert not leave.is_set()
    assert not listens(server)
    leave.set()
    thread.join(30)


def test_state_ends_with_the_last_server_of_the_process(aws):
    # The module's server is open, so that closing another one forgets nothing.
    make_client(aws, "s3").create_bucket(Bucket="shared")
    with LocalAWS(providers={}) as other:
        assert make_client(other, "s3").list_objects_v2(Bucket="shared")["KeyCount"] == 0
    assert make_client(aws, "s3").list_objects_v2(Bucket="shared")["KeyCount"] == 0


@pytest.mark.slow
def test_servers_after_one_another_start_empty_and_a_forgotten_one_hangs_no_process():
    script = """
import boto3
from harness.local.aws import LocalAWS
from harness.local.http.limits import Limits
for _ in range(2):
    with LocalAWS(providers={}) as aws:
        s3 = boto3.client("s3", endpoint_url=aws.url, region_name="us-east-1",
                          aws_access_key_id="x", aws_secret_access_key="x")
        print([each["Name"] for each in s3.list_buckets()["Buckets"]])
        s3.create_bucket(Bucket="b-1")
aws = LocalAWS(providers={}).start()  # never closed: must not keep the process
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n[]\n", "")


def test_a_further_address_answers_only_whom_it_accepts():
    accepted = set()
    with LocalAWS(providers={}) as aws:
        url = aws.listen("127.0.0.2", lambda sender: sender in accepted)
        assert url == f"http://127.0.0.2:{aws.port}"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{url}/_harness/health", timeout=30)
        accepted.add("127.0.0.1")
        accepted.add("127.0.0.2")
        with urllib.request.urlopen(f"{url}/_harness/health", timeout=30) as answer:
            assert answer.status == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", aws.port), timeout=5)


def test_a_further_address_must_be_this_machine_s():
    with LocalAWS(providers={}) as aws:
        assert aws.listen("203.0.113.1", lambda sender: True) is None
