"""No request to SageMaker ends in a 500, which SDKs would try again for half a minute.

Every operation of its model is called, with the members that it must have and with all of them,
about resources that aren't there, and again.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import (
    ListShape,
    MapShape,
    OperationModel,
    ServiceModel,
    Shape,
    StringShape,
    StructureShape,
)

from harness.aws_model.loader import LOADER
from harness.local.protocol import validation

MODEL = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")
ARN = "arn:aws:sagemaker:us-east-1:123456789012"
SCOPE = "AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/sagemaker/aws4_request,"

# What patterns ask for, the first that fits: ARNs of kinds, names, places, numbers.
TEXTS = (
    "none", "none-none-none-none-none", "s3://bucket/none", "1", "none-12345678",
    "arn:aws:iam::123456789012:role/none", "arn:aws:lambda:us-east-1:123456789012:function:none",
    *(f"{ARN}:{kind}/none" for kind in (
        "model", "training-job", "pipeline", "experiment", "experiment-trial", "feature-group",
        "cluster", "domain", "image", "model-package", "endpoint", "compilation-job",
        "processing-job", "hyper-parameter-tuning-job", "inference-component", "model-card",
        "notebook-instance", "monitoring-schedule", "app-image-config", "training-plan")),
    "123456789012", "none.none", "a" * 64, "00000000-0000-0000-0000-000000000000", "2026-01-01",
)  # fmt: skip


def text(shape: Shape, name: str) -> str:
    if isinstance(shape, StringShape) and shape.enum:
        return str(shape.enum[0])
    arns_first = sorted(TEXTS, key=lambda each: not each.startswith("arn:"))
    candidates = arns_first if name.endswith("Arn") else TEXTS
    return next((each for each in candidates if validation.check(shape, each) is None), "none")


def value(shape: Shape, name: str, *, whole: bool, above: tuple[str, ...] = ()) -> Any:
    """A value that a shape may have; `whole`: with all of its members."""
    if isinstance(shape, StructureShape):
        names = list(shape.members) if whole and shape.name not in above else []
        names = names[:1] if shape.is_tagged_union else names
        above = (*above, shape.name)
        return {
            each: value(shape.members[each], each, whole=whole and len(above) < 5, above=above)
            for each in dict.fromkeys([*shape.required_members, *names])
        }
    if isinstance(shape, ListShape):
        item = value(shape.member, name, whole=whole, above=above)
        return [item] * max(1, shape.metadata.get("min", 1))
    if isinstance(shape, MapShape):
        return {text(shape.key, ""): value(shape.value, name, whole=whole, above=above)}
    if shape.type_name == "string":
        return text(shape, name)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "blob":
        return b"x"
    return max(1, shape.metadata.get("min", 1))


def calls(operation: OperationModel) -> list[dict[str, Any]]:
    shape = operation.input_shape
    if shape is None:
        return [{}]
    least = value(shape, "", whole=False)
    return [least, value(shape, "", whole=True), least]


@pytest.fixture(scope="module")
def client(aws):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return aws.session.client("sagemaker", config=config)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_operations(client, part):
    wrong, understood = [], 0
    for operation in MODEL.operation_names[part::4]:
        for request in calls(MODEL.operation_model(operation)):
            try:
                client._make_api_call(operation, request)
                understood += 1
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
                understood += status == 501 or "validation error" not in said
                if status not in (400, 404, 409, 501) or code in ("InternalFailure", "500"):
                    wrong.append((operation, request, status, code, said))
    assert not wrong
    assert understood > 150  # requests that are refused for their form say nothing of the rest


@pytest.mark.parametrize("operation", ["DescribeExperiment", "ListTags", "CreateTrial", "Search"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"1", b'"a"', b"\xff", b"[" * 5000, b'{"ExperimentName":1}']
)
def test_bodies(client, operation, body):
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Authorization": SCOPE,
               "Content-Type": "application/x-amz-json-1.1"}  # fmt: skip
    status, document = asked(client, "POST", "/", body, headers)
    assert status in (200, 400)
    assert status == 200 or json.loads(document)["__type"]


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/", ""),
        ("POST", "/", ""),
        ("POST", "/", "SageMaker."),
        ("POST", "/", "SageMaker.Nothing"),
        ("POST", "/", "Nothing"),
        ("PUT", "/nothing/at/all", ""),
        ("POST", "/endpoints/none/async-invocations", ""),
        ("PUT", "/FeatureGroup/none", ""),
        ("GET", "/human-loops/none", ""),
    ],
)
def test_paths(client, method, path, target):
    headers = {"X-Amz-Target": target} if target else {}
    status, _ = asked(client, method, path, b"{}", {"Authorization": SCOPE, **headers})
    assert status in (200, 202, 400, 404, 405, 501)


@pytest.mark.parametrize("operation", ["ListModels", "CreateTrainingJob", "CreateAutoMLJob"])
def test_moto_s_own_sagemaker_is_asked_nothing(client, operation):
    """As it would be by the name of an operation in a place where AWS has none."""
    status, _ = asked(client, "POST", f"/?Action={operation}", b"{}", {"Authorization": SCOPE})
    assert status == 501


def asked(client, method, path, body, headers):
    connection = http.client.HTTPConnection(urlsplit(client.meta.endpoint_url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
