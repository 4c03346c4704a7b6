"""What moto's SageMaker keeps: nothing is erased by creating it again, what isn't there is told."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.models import SageMakerModelBackend

from tests.clients import failure
from tests.unit.local.moto.ours.test_every_operation import MODEL, value

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


# What a kind needs beyond the members that its model requires.
MORE: dict[str, dict[str, Any]] = {
    "CreateAutoMLJobV2": {
        "AutoMLProblemTypeConfig": {"TextGenerationJobConfig": {
            "BaseModelName": "none", "CompletionCriteria": {"MaxCandidates": 1}}}
    },
    "CreateCluster": {
        "InstanceGroups": [
            {"InstanceCount": 1, "InstanceGroupName": "group", "InstanceType": "ml.t3.medium",
             "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-a", "OnCreate": "a.sh"},
             "ExecutionRole": "arn:aws:iam::123456789012:role/none", "ThreadsPerCore": 1}
        ]
    },
    "CreateCompilationJob": {
        "InputConfig": {"S3Uri": "s3://bucket/none", "Framework": "XGBOOST"},
        "OutputConfig": {"S3OutputLocation": "s3://bucket/none", "TargetDevice": "ml_c5"},
    },
    "CreateFeatureGroup": {"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/a"}}},
    "CreatePipeline": {"PipelineDefinition": '{"Version": "2020-12-01", "Steps": []}'},
}  # fmt: skip
KEPT_BY_MOTO = [
    each
    for each in MODEL.operation_names
    if each.startswith("Create") and hasattr(SageMakerModelBackend, camelcase_to_underscores(each))
]
OURS = {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "CreateTrainingJob",
        "CreateProcessingJob", "CreateTransformJob", "CreateHyperParameterTuningJob",
        "CreateModelPackageGroup", "CreateModelPackage",
        "CreateExperiment", "CreateTrial", "CreateTrialComponent"}  # fmt: skip
BY_ANOTHER_NAME = {"CreateDomain"}  # several domains may have one


def request_of(operation, new):
    shape = MODEL.operation_model(operation).input_shape
    assert shape
    request = value(shape, "", whole=False)
    request |= MORE.get(operation, {})
    if operation.endswith("JobDefinition"):
        place = {"EndpointName": "none", "LocalPath": "/opt/ml/processing/in"}
        member = operation.removeprefix("Create").removesuffix("Definition") + "Input"
        request[member] |= {"EndpointInput": place}
    what = operation.removeprefix("Create").removesuffix("V2")
    member = f"{what}Name" if f"{what}Name" in request else "JobDefinitionName"
    return request | {member: new("Twice")}, member


@pytest.mark.parametrize("operation", sorted({*KEPT_BY_MOTO} - OURS - BY_ANOTHER_NAME))
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


def test_what_is_not_there(aws):
    assert failure(aws.sagemaker.describe_feature_group, FeatureGroupName="none")[:2] == (
        400,
        "ResourceNotFound",
    )


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


def test_tags_of_what_moto_keeps(aws, new):
    group = new("group")
    aws.sagemaker.create_feature_group(
        FeatureGroupName=group,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/group"}},
        RoleArn="arn:aws:iam::123456789012:role/sagemaker",
    )
    arn = f"{ARN}:feature-group/{group}"
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_what_moto_cannot_do_without_is_named(aws, new):
    request = {
        "AutoMLJobName": new("automl"),
        "AutoMLJobInputDataConfig": [{"DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://bucket/a"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
        "RoleArn": "arn:aws:iam::123456789012:role/none",
    }  # fmt: skip
    assert failure(aws.sagemaker.create_auto_ml_job_v2, **request) == (
        400,
        "ValidationException",
        (
            "sagemaker:CreateAutoMLJobV2 was refused: "
            "AutoMLProblemTypeConfig.TabularJobConfig.ProblemType must be given; moto needs it."
        ),
    )
    group = MODEL.operation_model("CreateModelQualityJobDefinition").input_shape
    assert group
    bare = value(group, "", whole=False)
    status, code, text = failure(aws.sagemaker.create_model_quality_job_definition, **bare)
    assert (status, code) == (400, "ValidationException")
    assert "ModelQualityJobInput.EndpointInput must be given" in text
