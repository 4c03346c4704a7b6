"""Members of requests that tables call refused are refused, and those kept are shown."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, StructureShape

from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.hosting.containers.model import Model
from harness.local.hosting.endpoint_configs import EndpointConfig, EndpointConfigs
from harness.local.hosting.models import Models
from harness.local.jobs.processing.job import ProcessingJob
from harness.local.jobs.training.job import TrainingJob
from harness.local.jobs.transform.job import TransformJob
from harness.local.protocol.errors import AwsError
from harness.local.protocol.members import KEPT, REFUSED, Line, Members
from harness.local.protocol.messages import RequestContext
from harness.local.protocol.service import Service

ROLE = "arn:aws:iam::123456789012:role/sagemaker"

BACKEND = Backend(str, "us-east-1", "123456789012")
SERVICE = Service("sagemaker", make_providers(BACKEND)["sagemaker"])
MODEL: Any = SimpleNamespace(request={})
CONTEXT = RequestContext("sagemaker", "Create", "us-east-1", "123456789012", "r")


def shape_of(operation: str) -> Any:
    return SERVICE.model.operation_model(operation).input_shape


def sample(shape):
    """A value of the shape, with no more than it must have."""
    match shape.type_name:
        case "structure":
            return {name: sample(shape.members[name]) for name in shape.required_members}
        case "list":
            return [sample(shape.member)]
        case "map":
            return {"key": "value"}
        case "boolean":
            return True
        case "string":
            return shape.enum[0] if shape.enum else "x"
        case "timestamp":
            return datetime(2026, 1, 1, tzinfo=UTC)
    return 1


def at(shape, path):
    """A request of the shape with the member at this path, and what it must have around it."""
    name, _, rest = path.partition(".")
    member = shape.members[name]
    lists = 0
    while rest and isinstance(member, ListShape):
        member, lists = member.member, lists + 1
    value = at(member, rest) if rest else sample(member)
    if isinstance(member, StructureShape) and isinstance(value, dict):
        value = {**sample(member), **value}
    for _ in range(lists):
        value = [value]
    return {name: value}


def found(value, path):
    """What stands at a path of a description, of a list in its first."""
    for name in path.split("."):
        while isinstance(value, list):
            value = value[0] if value else None
        value = (value or {}).get(name)
    return value


LINES = [
    (operation, member, member.line)
    for operation in SERVICE.real
    for member in SERVICE.members.walk(shape_of(operation))
    if member.line is not None
]


@pytest.mark.parametrize(
    ("operation", "path", "words"),
    [
        (operation, member.path, line.text)
        for operation, member, line in LINES
        if line.state == REFUSED
        and line is SERVICE.members.lines.get(member.shape, {}).get(member.name)
    ],
)
def test_what_is_called_refused_is_refused_in_its_words(operation, path, words):
    shape = shape_of(operation)
    with pytest.raises(AwsError) as refused:
        SERVICE.members.refuse(shape, at(shape, path))
    assert refused.value.code == "ValidationException"
    assert refused.value.message.endswith(f"{path.split('.')[-1]}: {words}.")


SHOWN = {
    "CreateTrainingJob": (
        "DescribeTrainingJob",
        lambda request: TrainingJob(BACKEND, CONTEXT, request).describe(),
    ),
    "CreateProcessingJob": (
        "DescribeProcessingJob",
        lambda request: ProcessingJob(BACKEND, CONTEXT, request).describe(),
    ),
    "CreateTransformJob": (
        "DescribeTransformJob",
        lambda request: TransformJob(BACKEND, CONTEXT, request, MODEL).describe(),
    ),
}


def output_has(operation, path):
    """Whether AWS's description has the member."""
    shape: Any = SERVICE.model.operation_model(operation).output_shape
    for name in path.split("."):
        while isinstance(shape, ListShape):
            shape = shape.member
        if not isinstance(shape, StructureShape) or name not in shape.members:
            return False
        shape = shape.members[name]
    return True


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (operation, member.path)
        for operation, member, line in LINES
        if line.state == KEPT
        and operation in SHOWN
        and output_has(SHOWN[operation][0], member.path)
    ],
)
def test_what_is_kept_by_jobs_is_shown(operation, path):
    shape = shape_of(operation)
    asked = at(shape, path)
    request = {**sample(shape), **asked}
    if operation == "CreateTrainingJob":
        request.setdefault("ResourceConfig", {})
    for name in ("ProcessingResources", "ResourceConfig"):  # whose samples aren't whole
        if name in request:
            cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            inner = request[name].get("ClusterConfig")
            request[name] = (
                {"ClusterConfig": {**cluster, **inner}} if inner else {**cluster, **request[name]}
            )
    request.setdefault("AlgorithmSpecification", {}).setdefault("TrainingImage", "image:1")
    places = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for place in places:
        place.setdefault(
            "S3Output",
            {"S3Uri": "s3://b/k", "LocalPath": "/opt/ml/processing/x", "S3UploadMode": "EndOfJob"},
        )
    assert found(SHOWN[operation][1](request), path) == found(asked, path)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (operation, member.path)
        for operation, member, line in LINES
        if line.state in (KEPT, f"{REFUSED} by CreateEndpoint")
        and operation in ("CreateModel", "CreateEndpointConfig")
    ],
)
def test_what_is_kept_by_models_and_configurations_is_shown(operation, path):
    backend = Backend(str, "us-east-1", "123456789012")
    asked = at(shape_of(operation), path)
    request = {**sample(shape_of(operation)), **asked}
    models, configs = Models(backend), EndpointConfigs(backend)
    now = datetime.now(UTC)
    # Not created: there is no such image, and other members would have to fit.
    if operation == "CreateModel":
        models._table.add(Model(CONTEXT.arn("model/x"), request, now))
        described = models.describe_model(CONTEXT, request)
    else:
        configs._table.add(EndpointConfig(CONTEXT.arn("endpoint-config/x"), request, now))
        described = configs.describe_endpoint_config(CONTEXT, request)
    assert found(described, path) == found(asked, path)


def test_what_is_switched_off_is_not_asked_for():
    shape = shape_of("CreateTrainingJob")
    SERVICE.members.refuse(shape, {"RemoteDebugConfig": {"EnableRemoteDebug": False}})
    SERVICE.members.refuse(shape, {"DebugRuleConfigurations": []})


def test_a_member_that_the_tables_do_not_know_is_refused():
    shape = shape_of("AddTags")
    lines = {"AddTagsInput": {"ResourceArn": Line.parse("acted on")}}
    with pytest.raises(AwsError) as refused:
        Members(lines).refuse(shape, {"ResourceArn": "a", "Tags": [{"Key": "a", "Value": "b"}]})
    assert refused.value.message == "Tags: this version of the local AWS doesn't know it."


def test_two_tables_say_nothing_of_one_shape():
    providers = make_providers(BACKEND)["sagemaker"]
    assert Members.beside(providers).lines.keys() == SERVICE.members.lines.keys()
    assert Members.beside([]).lines == {}


def test_over_the_wire_before_anything_is_made(aws, new):
    name = new("model")
    with pytest.raises(ClientError) as refused:
        aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": "i", "MultiModelConfig": {"ModelCacheSetting": "Disabled"}},
        )
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "PrimaryContainer.MultiModelConfig: multi-model endpoints run on AWS only.",
    }
    with pytest.raises(ClientError, match="Could not find model"):
        aws.sagemaker.describe_model(ModelName=name)
