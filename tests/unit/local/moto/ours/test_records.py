"""What moto's SageMaker keeps: nothing is erased by creating it again, what isn't there is told."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.models import SageMakerModelBackend

from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.protocol.service import Service
from tests.clients import failure
from tests.unit.local.moto.ours.test_every_operation import MODEL, value

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


# What a kind needs beyond the members that its model requires.
MORE: dict[str, dict[str, Any]] = {
    "CreatePipeline": {"PipelineDefinition": '{"Version": "2020-12-01", "Steps": []}'},
}
PROVIDERS = make_providers(Backend(str, "us-east-1", "123456789012"))
SERVICE = Service("sagemaker", PROVIDERS["sagemaker"])
KEPT_BY_MOTO = [
    each
    for each in MODEL.operation_names
    if each.startswith("Create")
    and each not in SERVICE.operations
    and hasattr(SageMakerModelBackend, camelcase_to_underscores(each))
]


def request_of(operation, new):
    shape = MODEL.operation_model(operation).input_shape
    assert shape
    request = value(shape, "", whole=False)
    request |= MORE.get(operation, {})
    what = operation.removeprefix("Create").removesuffix("V2")
    member = f"{what}Name" if f"{what}Name" in request else "JobDefinitionName"
    return request | {member: new("Twice")}, member


@pytest.mark.parametrize("operation", KEPT_BY_MOTO)
def test_a_name_is_taken_once(aws, new, operation):
    request, member = request_of(operation, new)
    aws.sagemaker._make_api_call(operation, request)
    describe = operation.replace("Create", "Describe")
    first = described(aws, describe, member, request)
    with pytest.raises(ClientError) as caught:
        aws.sagemaker._make_api_call(operation, request)
    code, text = (caught.value.response["Error"][each] for each in ("Code", "Message"))
    assert request[member] in text
    assert "already exists" in text or "duplicate" in text
    errors = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
    known = [each for each in ("ResourceInUse", "ConflictException") if each in errors]
    assert code == (known[0] if known and operation != "CreatePipeline" else "ValidationException")
    assert described(aws, describe, member, request) == first


def described(aws, describe, member, request):
    answer = aws.sagemaker._make_api_call(describe, {member: request[member]})
    return {name: each for name, each in answer.items() if name != "ResponseMetadata"}


@pytest.mark.parametrize(
    "resource",
    [
        "experiment/none",
        "experiment-trial/none",
        "feature-group/none",
        "pipeline/none",
        "pipeline/none/execution/none",
        "model-package/none/1",
        "no-such-kind/none",
        "training-job/none",
    ],
)
def test_tags_of_what_is_not_there(aws, resource):
    arn = f"{ARN}:{resource}"
    said = (400, "ValidationException", f'Could not find resource "{arn}".')
    assert failure(aws.sagemaker.list_tags, ResourceArn=arn) == said
    tags = [{"Key": "a", "Value": "b"}]
    assert failure(aws.sagemaker.add_tags, ResourceArn=arn, Tags=tags) == said
    assert failure(aws.sagemaker.delete_tags, ResourceArn=arn, TagKeys=["a"]) == said
