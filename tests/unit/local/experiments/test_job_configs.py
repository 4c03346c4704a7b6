"""A job's `ExperimentConfig`, and the trial component that every job has."""

import time

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def process(aws, new):
    def create(name=None, **config):
        name = name or new("job")
        aws.sagemaker.create_processing_job(
            ProcessingJobName=name,
            AppSpecification={"ImageUri": "image:1"},
            RoleArn=ROLE,
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 2,
                    "VolumeSizeInGB": 3,
                }
            },
            ProcessingInputs=[
                {"InputName": "in", "S3Input": {
                    "S3Uri": "s3://bucket/in", "S3DataType": "S3Prefix",
                    "LocalPath": "/opt/ml/processing/in", "S3InputMode": "File"}},
            ],
            ExperimentConfig=config,
        )  # fmt: skip
        return name

    return create


@pytest.fixture
def trial(aws, new):
    config = {"ExperimentName": new("experiment"), "TrialName": new("trial")}
    aws.sagemaker.create_experiment(ExperimentName=config["ExperimentName"])
    aws.sagemaker.create_trial(**config)
    return config


def component_of(aws, job):
    return aws.sagemaker.describe_trial_component(TrialComponentName=f"{job}-aws-processing-job")


def ended(aws, job):
    """The component of a job that has ended, as it does without an engine: Failed."""
    deadline = time.monotonic() + 60
    while (found := component_of(aws, job))["Status"]["PrimaryStatus"] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("ExperimentName", f"Could not find experiment '{ARN}:experiment/none'."),
        ("TrialName", f"Could not find trial '{ARN}:experiment-trial/none'."),
    ],
)
def test_what_is_not_there(aws, process, member, words):
    with pytest.raises(ClientError) as refused:
        process("nowhere", **{member: "none"})
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"
    assert refused.value.response["Error"]["Message"] == words
    listed = aws.sagemaker.list_processing_jobs(NameContains="nowhere")
    assert listed["ProcessingJobSummaries"] == []


def test_a_trial_of_another_experiment_is_refused(aws, new, process, trial):
    other = new("experiment")
    aws.sagemaker.create_experiment(ExperimentName=other)
    with pytest.raises(ClientError) as refused:
        process(**{**trial, "ExperimentName": other})
    assert refused.value.response["Error"]["Message"] == (
        f"Trial '{ARN}:experiment-trial/{trial['TrialName']}' is not one of experiment "
        f"'{ARN}:experiment/{other}'."
    )


def test_what_is_there_is_kept_and_shown(aws, process, trial):
    config = {**trial, "TrialComponentDisplayName": "Training", "RunName": "run-1"}
    job = process(**config)
    found = aws.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert found["ExperimentConfig"] == config
    assert component_of(aws, job)["DisplayName"] == "Training"


def test_every_job_has_a_component_without_a_config(aws, process, new):
    job = process(new("Job"))
    found = ended(aws, job)
    assert found["TrialComponentName"] == f"{job}-aws-processing-job".lower()
    assert found["DisplayName"] == found["TrialComponentName"]
    described = aws.sagemaker.describe_processing_job(ProcessingJobName=job)
    source = {"SourceArn": described["ProcessingJobArn"], "SourceType": "SageMakerProcessingJob"}
    assert (found["Source"], found["Sources"]) == (source, [source])
    assert found["Status"] == {
        "PrimaryStatus": "Failed",
        "Message": "Status: Failed, exit message: null, failure reason: "
        f"{described['FailureReason']}",
    }
    assert found["EndTime"] == described["ProcessingEndTime"]
    assert found["Parameters"] == {
        "SageMaker.InstanceCount": {"NumberValue": 2.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.VolumeSizeInGB": {"NumberValue": 3.0},
    }
    assert found["InputArtifacts"] == {
        "SageMaker.ImageUri": {"Value": "image:1"}, "in": {"Value": "s3://bucket/in"}
    }  # fmt: skip
    for arn in (source["SourceArn"], source["SourceArn"].lower()):
        (listed,) = aws.sagemaker.list_trial_components(SourceArn=arn)["TrialComponentSummaries"]
        assert listed["TrialComponentName"] == found["TrialComponentName"]
        assert listed["TrialComponentSource"] == source


def test_a_job_that_names_an_experiment_only_has_a_trial_of_its_own(aws, process, trial):
    job = process(ExperimentName=trial["ExperimentName"])
    listed = aws.sagemaker.list_trials(ExperimentName=trial["ExperimentName"])["TrialSummaries"]
    (own,) = [each for each in listed if each["TrialName"] != trial["TrialName"]]
    assert own["TrialSource"]["SourceType"] == "SageMakerProcessingJob"
    of_it = aws.sagemaker.list_trial_components(TrialName=own["TrialName"])
    names = [each["TrialComponentName"] for each in of_it["TrialComponentSummaries"]]
    assert names == [component_of(aws, job)["TrialComponentName"]]


def test_what_somebody_says_of_a_job_s_component_stays(aws, process, trial):
    job = process(**trial)
    ended(aws, job)
    name = f"{job}-aws-processing-job"
    aws.sagemaker.update_trial_component(
        TrialComponentName=name,
        Parameters={"own": {"StringValue": "a"}},
        ParametersToRemove=["SageMaker.InstanceCount"],
        InputArtifactsToRemove=["in"],
        OutputArtifacts={"plot": {"Value": "s3://bucket/plot.png", "MediaType": "image/png"}},
    )
    found = component_of(aws, job)
    assert set(found["Parameters"]) == {
        "own", "SageMaker.InstanceType", "SageMaker.VolumeSizeInGB"
    }  # fmt: skip
    assert list(found["InputArtifacts"]) == ["SageMaker.ImageUri"]
    assert found["OutputArtifacts"]["plot"]["MediaType"] == "image/png"
    assert found["Status"]["PrimaryStatus"] == "Failed"


def test_a_deleted_job_s_component_keeps_what_it_knows(aws, process):
    job = process()
    deadline = time.monotonic() + 60
    while (
        described := aws.sagemaker.describe_processing_job(ProcessingJobName=job)
    )["ProcessingJobStatus"] == "InProgress":  # fmt: skip
        assert time.monotonic() < deadline
        time.sleep(0.01)
    aws.sagemaker.delete_processing_job(ProcessingJobName=job)
    found = component_of(aws, job)
    assert found["Status"]["PrimaryStatus"] == "Failed"
    assert found["EndTime"] == described["ProcessingEndTime"]

    process(job)  # under the same name
    assert component_of(aws, job)["CreationTime"] == found["CreationTime"]
    assert ended(aws, job)["EndTime"] > found["EndTime"]


def test_what_a_job_reads_are_artifacts_that_lead_to_it(aws, process):
    first, second = (ended(aws, process()) for _ in range(2))
    (data,) = aws.sagemaker.list_artifacts(SourceUri="s3://bucket/in")["ArtifactSummaries"]
    assert data["ArtifactType"] == "DataSet"
    listed = aws.sagemaker.list_associations(SourceArn=data["ArtifactArn"], MaxResults=100)
    reached = {each["DestinationArn"] for each in listed["AssociationSummaries"]}
    assert {first["TrialComponentArn"], second["TrialComponentArn"]} <= reached
    assert {each["DestinationType"] for each in listed["AssociationSummaries"]} == {
        "SageMakerProcessingJob"
    }
    found = aws.sagemaker.query_lineage(
        StartArns=[first["TrialComponentArn"]], Direction="Ascendants", IncludeEdges=False
    )
    assert {each["Type"] for each in found["Vertices"]} == {"ProcessingJob", "Image", "DataSet"}
    assert "Edges" not in found


def test_a_transform_job_s_component_names_its_model(aws, new):
    model, job = new("model"), new("job")
    aws.sagemaker.create_model(
        ModelName=model,
        PrimaryContainer={"Image": "image:1"},
        ExecutionRoleArn=ROLE,
    )
    aws.s3.put_object(Bucket=aws.bucket, Key="in/a.csv", Body=b"1\n")
    aws.sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=model,
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/in"}
            },
            "ContentType": "text/csv",
        },
        TransformOutput={"S3OutputPath": f"s3://{aws.bucket}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    found = aws.sagemaker.describe_trial_component(TrialComponentName=f"{job}-aws-transform-job")
    assert found["Source"]["SourceType"] == "SageMakerTransformJob"
    assert found["Parameters"] == {
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.ModelName": {"StringValue": model},
        "SageMaker.ModelPrimary.Image": {"StringValue": "image:1"},
    }
    assert found["InputArtifacts"] == {
        "SageMaker.TransformInput": {"MediaType": "text/csv", "Value": f"s3://{aws.bucket}/in"}
    }
    assert found["OutputArtifacts"] == {
        "SageMaker.TransformOutput": {"Value": f"s3://{aws.bucket}/out"}
    }
