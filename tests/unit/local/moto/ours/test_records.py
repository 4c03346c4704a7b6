"""What moto's SageMaker keeps: nothing is erased by creating it again, what isn't there is told."""

from __future__ import annotations

import pytest

from tests.clients import failure

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def experiment(aws, new):
    name = new("experiment")
    aws.sagemaker.create_experiment(ExperimentName=name)
    return name


def test_a_trial_component_keeps_its_parameters(aws, new):
    name = new("component")
    parameters = {"alpha": {"NumberValue": 1.0}}
    aws.sagemaker.create_trial_component(TrialComponentName=name, Parameters=parameters)
    assert failure(aws.sagemaker.create_trial_component, TrialComponentName=name) == (
        400,
        "ValidationException",
        (
            "Trial component names must be unique within an AWS account and region. Trial "
            f"component with name ({name}) already exists."
        ),
    )
    found = aws.sagemaker.describe_trial_component(TrialComponentName=name)
    assert found["Parameters"] == parameters


def test_experiments_and_trials_are_made_once(aws, new, experiment):
    request = {"TrialName": new("trial"), "ExperimentName": experiment}
    aws.sagemaker.create_trial(**request)
    for call, given in (
        (aws.sagemaker.create_trial, request),
        (aws.sagemaker.create_experiment, {"ExperimentName": experiment}),
    ):
        status, code, text = failure(call, **given)
        assert (status, code) == (400, "ValidationException")
        assert text.endswith(" already exists.")
    found = aws.sagemaker.list_trials(ExperimentName=experiment)["TrialSummaries"]
    assert [each["TrialName"] for each in found] == [request["TrialName"]]


def test_what_is_not_there(aws, new, experiment):
    sagemaker, trial = aws.sagemaker, new("trial")
    missing = f"Experiment '{ARN}:experiment/none' does not exist."
    for call, given in (
        (sagemaker.create_trial, {"TrialName": trial, "ExperimentName": "none"}),
        (sagemaker.list_trials, {"ExperimentName": "none"}),
    ):
        assert failure(call, **given) == (400, "ResourceNotFound", missing)
    for call, given in (
        (sagemaker.describe_experiment, {"ExperimentName": "none"}),
        (sagemaker.describe_feature_group, {"FeatureGroupName": "none"}),
    ):
        assert failure(call, **given)[:2] == (400, "ResourceNotFound")
    sagemaker.create_trial(TrialName=trial, ExperimentName=experiment)
    assert failure(sagemaker.associate_trial_component, TrialName=trial, TrialComponentName="none")[
        :2
    ] == (400, "ResourceNotFound")
    assert sagemaker.list_trials(TrialComponentName="none")["TrialSummaries"] == []


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


def test_tags_of_what_moto_keeps(aws, new, experiment):
    group = new("group")
    aws.sagemaker.create_feature_group(
        FeatureGroupName=group,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/group"}},
        RoleArn="arn:aws:iam::123456789012:role/sagemaker",
    )
    for arn in (f"{ARN}:experiment/{experiment}", f"{ARN}:feature-group/{group}"):
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
