"""Jobs in containers, as experiments, lineage and Search know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.support import ROLE
from tests.integration.training import channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(240)

JOBS = 20


def searched(aws: AWS, resource: str, *filters: tuple[str, str, str], **more: Any) -> list[Any]:
    conditions = [{"Name": name, "Operator": how, "Value": value} for name, how, value in filters]
    expression: Any = {"Filters": conditions}
    paginator: Any = aws.sagemaker.get_paginator("search")
    pages = paginator.paginate(Resource=resource, SearchExpression=expression, **more)
    return [next(iter(each.values())) for page in pages for each in page["Results"]]


@pytest.fixture
def trial(aws: AWS, names: Names) -> dict[str, str]:
    """The `ExperimentConfig` of a job in it."""
    config = {"ExperimentName": names.new("experiment"), "TrialName": names.new("trial")}
    aws.sagemaker.create_experiment(ExperimentName=config["ExperimentName"])
    aws.sagemaker.create_trial(
        ExperimentName=config["ExperimentName"], TrialName=config["TrialName"]
    )
    return config


def test_a_training_job_s_component_has_what_it_was_given_and_what_came_out(
    aws: AWS, create: Callable[..., str], names: Names, trial: dict[str, str], probe_image: str
) -> None:
    data = f"s3://{aws.bucket}/{names.new('data')}/"
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{data.split('/', 3)[3]}a.csv", Body=b"1,2\n")
    name = create(
        HyperParameters={"alpha": "1.5", "program": "train.py"},
        InputDataConfig=[channel("train", data)],
        ExperimentConfig={**trial, "TrialComponentDisplayName": "Training"},
    )
    begun = aws.sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
    assert begun["DisplayName"] == "Training"
    assert begun["Status"]["PrimaryStatus"] in ("InProgress", "Completed")
    job = finish(aws, name)

    (summary,) = aws.sagemaker.list_trial_components(TrialName=trial["TrialName"])[
        "TrialComponentSummaries"
    ]
    component = aws.sagemaker.describe_trial_component(
        TrialComponentName=summary["TrialComponentName"]
    )
    assert component["TrialComponentName"] == f"{name}-aws-training-job"
    assert component["Source"] == {
        "SourceArn": job["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"
    }  # fmt: skip
    assert component["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, secondary status: Completed, failure reason: .",
    }
    assert component["StartTime"] == job["TrainingStartTime"]
    assert component["EndTime"] == job["TrainingEndTime"]
    assert component["Parameters"] == {
        "alpha": {"NumberValue": 1.5},
        "program": {"StringValue": "train.py"},
        "SageMaker.ImageUri": {"StringValue": probe_image},
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.VolumeSizeInGB": {"NumberValue": 1.0},
    }
    assert component["InputArtifacts"] == {"train": {"MediaType": "text/csv", "Value": data}}
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert component["OutputArtifacts"] == {"SageMaker.ModelArtifact": {"Value": model}}
    (metric,) = component["Metrics"]
    assert metric["MetricName"] == "probe:r2"
    assert (metric["Min"], metric["Max"], metric["Last"]) == (0.5, 0.75, 0.75)
    assert (metric["Count"], metric["Avg"], metric["StdDev"]) == (2, 0.625, 0.125)
    assert metric["SourceArn"] == job["TrainingJobArn"]

    found = searched(
        aws,
        "ExperimentTrialComponent",
        ("Metrics.probe:r2.Max", "GreaterThan", "0.7"),
        ("Parents.ExperimentName", "Equals", trial["ExperimentName"]),
    )
    assert [each["TrialComponentName"] for each in found] == [component["TrialComponentName"]]
    assert found[0]["SourceDetail"]["TrainingJob"]["TrainingJobName"] == name
    by_metric = ("Metrics.probe:r2", "GreaterThanOrEqualTo", "0.75")
    assert [
        each["TrainingJobName"]
        for each in searched(
            aws, "TrainingJob", by_metric, ("TrainingJobName", "Equals", name)
        )
    ] == [name]  # fmt: skip

    nested: Any = [
        {
            "NestedPropertyName": "FinalMetricDataList",
            "Filters": [
                {"Name": "FinalMetricDataList.MetricName", "Value": "probe:r2"},
                {"Name": "FinalMetricDataList.Value", "Operator": "Equals", "Value": "0.75"},
            ],
        },
        {
            "NestedPropertyName": "InputDataConfig",
            "Filters": [
                {"Name": "InputDataConfig.ChannelName", "Operator": "Equals", "Value": "train"},
                {
                    "Name": "InputDataConfig.DataSource.S3DataSource.S3Uri",
                    "Operator": "Contains",
                    "Value": data,
                },
            ],
        },
    ]
    matched = aws.sagemaker.search(
        Resource="TrainingJob", SearchExpression={"NestedFilters": nested}
    )
    assert [each["TrainingJob"]["TrainingJobName"] for each in matched["Results"]] == [name]

    def reached(direction: Any) -> tuple[set[str], set[str]]:
        graph = aws.sagemaker.query_lineage(
            StartArns=[component["TrialComponentArn"]], Direction=direction
        )
        types = {each["Type"] for each in graph["Vertices"]}
        return types, {each["AssociationType"] for each in graph["Edges"]}

    assert reached("Ascendants") == ({"TrainingJob", "Image", "DataSet"}, {"ContributedTo"})
    assert reached("Descendants") == ({"TrainingJob", "Model"}, {"Produced"})
    (artifact,) = aws.sagemaker.list_artifacts(SourceUri=model)["ArtifactSummaries"]
    assert artifact["ArtifactType"] == "Model"


@pytest.mark.slow
def test_twenty_jobs_are_found(aws: AWS, create: Callable[..., str], names: Names) -> None:
    team = names.new("team")
    tags: Any = [{"Key": "team", "Value": team}]
    jobs = [create(HyperParameters={"alpha": str(number)}, Tags=tags) for number in range(JOBS)]
    for each in jobs:
        assert finish(aws, each)["TrainingJobStatus"] == "Completed"

    ours = ("Tags.team", "Equals", team)
    found = searched(aws, "TrainingJob", ours, SortBy="CreationTime", SortOrder="Ascending")
    assert [each["TrainingJobName"] for each in found] == jobs
    small = searched(
        aws, "TrainingJob", ours, ("HyperParameters.alpha", "LessThan", "5"),
        ("TrainingJobStatus", "Equals", "Completed"), SortBy="HyperParameters.alpha",
        SortOrder="Descending", PaginationConfig={"PageSize": 2},
    )  # fmt: skip
    assert [each["HyperParameters"]["alpha"] for each in small] == ["4", "3", "2", "1", "0"]


def test_a_processing_job_s_component(
    aws: AWS, names: Names, trial: dict[str, str], probe_image: str
) -> None:
    name, out = names.new("job"), f"s3://{aws.bucket}/processed"
    outputs: Any = {"S3Uri": out, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    aws.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": probe_image, "ContainerEntrypoint": ["true"]},
        ProcessingResources={
            "ClusterConfig": {
                "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1
            }
        },
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": outputs}]},
        ExperimentConfig={"ExperimentName": trial["ExperimentName"]},
    )  # fmt: skip
    aws.wait("processing_job_completed_or_stopped", ProcessingJobName=name)

    component = aws.sagemaker.describe_trial_component(
        TrialComponentName=f"{name}-aws-processing-job"
    )
    assert component["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, exit message: null, failure reason: null",
    }
    assert component["InputArtifacts"] == {"SageMaker.ImageUri": {"Value": probe_image}}
    assert component["OutputArtifacts"] == {"out": {"Value": out}}
    # Only the experiment was named: the job has a trial of its own.
    of_experiment = aws.sagemaker.list_trials(ExperimentName=trial["ExperimentName"])
    (own,) = {each["TrialName"] for each in of_experiment["TrialSummaries"]} - {trial["TrialName"]}
    (listed,) = aws.sagemaker.list_trial_components(TrialName=own)["TrialComponentSummaries"]
    assert listed["TrialComponentName"] == component["TrialComponentName"]
