"""Attacks by what is in a request: documents, numbers, expressions, and bytes that are no HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from tests.integration.support import ROLE
from tests.torture.hostile import BODIES, LEAVES, mutate
from tests.torture.service import ANSWER_SECONDS, HEALTH

if TYPE_CHECKING:
    import random

    from tests.torture.service import Service
    from tests.torture.tally import Tally

SCOPE = "Credential=harness/20260101/{region}/{service}/aws4_request"
NOWHERE = "torture/nowhere:none"
"""An image that no engine has, so that a job of a request that passes ends at once."""

CLIENTS = 4
RESOURCES: dict[str, Any] = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}

VALID: dict[str, dict[str, Any]] = {
    "CreateTrainingJob": {
        "TrainingJobName": "torture",
        "AlgorithmSpecification": {
            "TrainingImage": NOWHERE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "r2", "Regex": "r2=([0-9.]+)"}],
        },
        "RoleArn": ROLE,
        "HyperParameters": {"a": "1"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://none/x"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://none/out"},
        "ResourceConfig": RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Environment": {"A": "b"},
        "Tags": [{"Key": "a", "Value": "b"}],
        "RetryStrategy": {"MaximumRetryAttempts": 1},
    },
    "CreateProcessingJob": {
        "ProcessingJobName": "torture",
        "AppSpecification": {"ImageUri": NOWHERE, "ContainerArguments": ["a"]},
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": RESOURCES},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    },
    "CreateTransformJob": {
        "TransformJobName": "torture",
        "ModelName": "torture",
        "MaxConcurrentTransforms": 1,
        "MaxPayloadInMB": 1,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://none/x"}}
        },
        "TransformOutput": {"S3OutputPath": "s3://none/out"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        "DataProcessing": {"InputFilter": "$[0]", "OutputFilter": "$", "JoinSource": "Input"},
    },
    "CreateModel": {
        "ModelName": "torture",
        "PrimaryContainer": {"Image": NOWHERE, "Environment": {"A": "b"}},
        "ExecutionRoleArn": ROLE,
    },
    "CreateEndpointConfig": {
        "EndpointConfigName": "torture",
        "ProductionVariants": [
            {
                "VariantName": "all",
                "ModelName": "torture",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1.0,
            }
        ],
    },
    "CreateEndpoint": {"EndpointName": "torture", "EndpointConfigName": "torture"},
    "UpdateEndpointWeightsAndCapacities": {
        "EndpointName": "torture",
        "DesiredWeightsAndCapacities": [
            {"VariantName": "all", "DesiredWeight": 1.0, "DesiredInstanceCount": 1}
        ],
    },
    "ListTrainingJobs": {"MaxResults": 1, "NameContains": "x", "SortBy": "Name", "NextToken": "x"},
    "DescribeTrainingJob": {"TrainingJobName": "torture"},
    "AddTags": {"ResourceArn": "arn:aws:sagemaker:eu-west-1:1:x/y", "Tags": [{"Key": "a"}]},
}
"""A request that is right, by operation, before it is mutated."""


def documents(service: Service, seconds: float, choose: random.Random, tally: Tally) -> None:
    """Requests of SageMaker's operations with hostile members, and bodies that are none."""
    model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"))
    others = [name for name in model.operation_names if name not in VALID]
    deadline = time.monotonic() + seconds

    def client(own: random.Random) -> None:
        while time.monotonic() < deadline:
            match own.randrange(10):
                case 0:
                    body = own.choice(BODIES)
                    operation = own.choice(sorted(VALID))
                case 1:
                    operation = own.choice(others)
                    shape = model.operation_model(operation).input_shape
                    members = {} if shape is None else {
                        name: own.choice(LEAVES) for name in shape.required_members
                    }  # fmt: skip
                    body = json.dumps(members).encode()
                case _:
                    operation = own.choice(sorted(VALID))
                    body = json.dumps(mutate(VALID[operation], own)).encode()
            call(service, operation, body, tally)

    _together(client, choose)


def call(service: Service, operation: str, body: bytes, tally: Tally) -> tuple[int, bytes]:
    """Send one request of SageMaker's API; its status and answer, both empty if there is none."""
    headers = {
        "X-Amz-Target": f"SageMaker.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 "
        + SCOPE.format(region=service.running["region"], service="sagemaker")
        + ", SignedHeaders=host, Signature=0",
    }
    tally.attempt()
    connection = http.client.HTTPConnection(*service.address, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        answer = response.read()
    except TimeoutError:
        tally.went_wrong("hangs", f"{operation} {body[:200]!r}")
        return 0, b""
    except (OSError, http.client.HTTPException):
        return 0, b""  # it may close on what it refuses; the watch sees whether it lives
    finally:
        connection.close()
    if response.status >= 500 and response.status != http.client.NOT_IMPLEMENTED:
        tally.went_wrong("5xx", f"{response.status} {operation} {body[:300]!r}: {answer[:200]!r}")
    elif response.status == http.client.OK:
        _check_json(operation, body, answer, tally)
    return response.status, answer


def _check_json(operation: str, body: bytes, answer: bytes, tally: Tally) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(answer or b"{}", parse_constant=refuse)
    except ValueError:
        tally.went_wrong("lost", f"no JSON from {operation} {body[:200]!r}: {answer[:200]!r}")


HEADS = [
    b"GET " + HEALTH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 2\r\nX-Amz-Target: SageMaker.ListModels\r\n\r\n{}",
    b"PUT /bucket/key HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST /endpoints/x/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
]
SPLICES = [
    b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"%00", b"%2e%2e/", b"../",
    b"\xff",
    b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: 1e3\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n",
    b"A: " + b"b" * 70_000,
    b"A: b\r\n" * 2_000, b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\n", b"0x3\r\n", b"3;" + b"e" * 20_000,
    b"HTTP/9.9",
]  # fmt: skip


def wire(service: Service, seconds: float, choose: random.Random, tally: Tally) -> None:
    """Bytes that are nearly HTTP: spliced, cut, repeated. Refused, or answered, or closed."""
    deadline = time.monotonic() + seconds

    def client(own: random.Random) -> None:
        while time.monotonic() < deadline:
            sent = own.choice(HEADS)
            for _ in range(own.choice((1, 1, 2, 3))):
                at = own.randrange(len(sent) + 1)
                sent = sent[:at] + own.choice(SPLICES) + sent[at + own.choice((0, 0, 1, 3)) :]
            tally.attempt()
            answer = exchange(service.address, sent, tally)
            if answer.startswith(b"HTTP/1.1 5") and b" 501 " not in answer[:20]:
                tally.went_wrong("5xx", f"{answer[:120]!r} to {sent[:300]!r}")

    _together(client, choose)


def exchange(address: tuple[str, int], sent: bytes, tally: Tally) -> bytes:
    """Send bytes and no more of them; what comes back, whose first 64 KB are enough."""
    received = b""
    try:
        with socket.create_connection(address, timeout=ANSWER_SECONDS) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while len(received) < 65_536 and (piece := connection.recv(65_536)):
                received += piece
    except TimeoutError:
        tally.went_wrong("hangs", f"{sent[:300]!r}")
    except OSError:
        pass  # reset: it is allowed to refuse
    return received


def _together(client: Any, choose: random.Random) -> None:
    """Let a few clients run at once, each with a source of chance of its own."""
    import random as chance

    with ThreadPoolExecutor(CLIENTS) as pool:
        seeds = [chance.Random(choose.random()) for _ in range(CLIENTS)]
        for running in [pool.submit(client, own) for own in seeds]:
            running.result()
