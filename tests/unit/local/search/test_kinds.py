"""What each kind of resource is found as."""

from __future__ import annotations

import json
import time

import pytest

from harness.local.search.kinds import KINDS
from tests.clients import refusal

TAG = {"Key": "team", "Value": "red"}
ROLE = "arn:aws:iam::123456789012:role/sagemaker"


def search(aws, resource, name, how="Equals", value=None, **more):
    condition = {"Name": name, "Operator": how, **({"Value": value} if value else {})}
    expression = {"Filters": [condition]}
    answer = aws.sagemaker.search(Resource=resource, SearchExpression=expression, **more)
    return [each[KINDS[resource].member] for each in answer["Results"]]


@pytest.fixture(scope="module")
def jobs(aws):
    """Twenty training jobs, which fail without an engine."""
    names = [f"job-{number:02}" for number in range(20)]
    for number, name in enumerate(names):
        aws.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": "image:1", "TrainingInputMode": "File"},
            RoleArn=ROLE,
            HyperParameters={"alpha": str(number / 2), "optimizer": "adam"},
            OutputDataConfig={"S3OutputPath": f"s3://{aws.bucket}/out"},
            ResourceConfig={
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
            },
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": "number", "Value": str(number)}],
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while aws.sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return names


def test_training_jobs(aws, jobs):
    found = aws.sagemaker.search(Resource="TrainingJob", SortBy="TrainingJobName")
    assert [each["TrainingJob"]["TrainingJobName"] for each in found["Results"]] == jobs[::-1]
    names = [
        each["TrainingJobName"]
        for each in search(aws, "TrainingJob", "HyperParameters.alpha", "GreaterThan", "8.5")
    ]
    assert sorted(names) == jobs[18:]
    # Against a whole number, they are whole numbers themselves.
    assert len(search(aws, "TrainingJob", "HyperParameters.alpha", "GreaterThan", "8")) == 2
    assert len(search(aws, "TrainingJob", "HyperParameters.alpha", "GreaterThan", "8.0")) == 3
    (one,) = search(aws, "TrainingJob", "Tags.number", value="7")
    assert one["TrainingJobName"] == "job-07"
    assert one["Tags"] == [{"Key": "number", "Value": "7"}]
    assert len(search(aws, "TrainingJob", "TrainingJobStatus", value="Failed")) == 20
    assert len(search(aws, "TrainingJob", "ResourceConfig.InstanceCount", "LessThan", "2")) == 20
    assert search(aws, "TrainingJob", "EnableManagedSpotTraining", value="true") == []
    assert len(search(aws, "TrainingJob", "Metrics.loss", "NotExists")) == 20


def test_components_of_jobs(aws, jobs):
    (one,) = search(
        aws, "ExperimentTrialComponent", "SourceDetail.TrainingJob.TrainingJobName",
        value=jobs[3],
    )  # fmt: skip
    assert one["Source"]["SourceType"] == "SageMakerTrainingJob"
    assert one["Parameters"]["alpha"] == {"NumberValue": 1.5}
    assert one["SourceDetail"]["TrainingJob"]["Tags"] == [{"Key": "number", "Value": "3"}]


def test_experiments_and_trials(aws):
    aws.sagemaker.create_experiment(ExperimentName="e", Tags=[{"Key": "a", "Value": "b"}])
    aws.sagemaker.create_trial(ExperimentName="e", TrialName="t")
    aws.sagemaker.create_trial_component(TrialComponentName="c")
    aws.sagemaker.associate_trial_component(TrialName="t", TrialComponentName="c")
    (experiment,) = search(aws, "Experiment", "Tags.a", value="b")
    assert experiment["ExperimentName"] == "e"
    (trial,) = search(aws, "ExperimentTrial", "ExperimentName", value="e")
    assert trial["TrialName"] == "t"
    (component,) = trial["TrialComponentSummaries"]
    assert component["TrialComponentName"] == "c"


def test_models_and_endpoints(aws):
    aws.sagemaker.create_model(
        ModelName="m", PrimaryContainer={"Image": "image:1"}, ExecutionRoleArn=ROLE
    )
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName="config",
        ProductionVariants=[
            {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large",
             "InitialInstanceCount": 1}
        ],
    )  # fmt: skip
    aws.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    (endpoint,) = search(aws, "Endpoint", "EndpointName", "Contains", "end")
    assert endpoint["EndpointConfigName"] == "config"
    for name in ("ModelName", "Model.ModelName"):
        (model,) = search(aws, "Model", name, value="m", SortBy="CreationTime")
        assert model["Model"]["PrimaryContainer"] == {"Image": "image:1"}
        assert [each["EndpointName"] for each in model["Endpoints"]] == ["endpoint"]


def test_every_resource_of_the_model_is_searched_or_refused(aws):
    model = aws.sagemaker.meta.service_model
    for resource in model.shape_for("ResourceType").enum:
        if resource not in KINDS:
            assert resource in refusal(aws.sagemaker.search, Resource=resource)
        else:
            assert aws.sagemaker.search(Resource=resource)["Results"] is not None


def test_pipelines_packages_and_features(aws):
    """Whoever keeps them."""
    sagemaker = aws.sagemaker
    step = {"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "ended"}}
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    sagemaker.create_pipeline(
        PipelineName="p", PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken="x" * 32
    )
    (pipeline,) = search(aws, "Pipeline", "PipelineName", value="p")
    assert pipeline["RoleArn"] == ROLE
    sagemaker.create_model_package_group(ModelPackageGroupName="g", Tags=[TAG])
    (group,) = search(aws, "ModelPackageGroup", "Tags.team", value="red")
    assert group["ModelPackageGroupName"] == "g"
    sagemaker.create_feature_group(
        FeatureGroupName="f",
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "at", "FeatureType": "String"},
        ],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/f"}},
        RoleArn=ROLE,
        Tags=[TAG],
    )
    (features,) = search(aws, "FeatureGroup", "Tags.team", value="red")
    assert features["FeatureGroupName"] == "f"
