"""A job's experiment and trial must be there."""

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/sagemaker"


@pytest.fixture
def process(aws, new):
    def create(**config):
        name = new("job")
        aws.sagemaker.create_processing_job(
            ProcessingJobName=name,
            AppSpecification={"ImageUri": "image:1"},
            RoleArn=ROLE,
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            },
            ExperimentConfig=config,
        )
        return aws.sagemaker.describe_processing_job(ProcessingJobName=name)["ExperimentConfig"]

    return create


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("ExperimentName", "Could not find experiment 'arn:aws:sagemaker:us-east-1:123456789012:"),
        (
            "TrialName",
            "Could not find trial 'arn:aws:sagemaker:us-east-1:123456789012:trial/none'.",
        ),
    ],
)
def test_what_is_not_there(process, member, words):
    with pytest.raises(ClientError) as refused:
        process(**{member: "none"})
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"
    assert words in refused.value.response["Error"]["Message"]


def test_what_is_there_is_kept_and_shown(aws, new, process):
    experiment, trial = new("experiment"), new("trial")
    aws.sagemaker.create_experiment(ExperimentName=experiment)
    aws.sagemaker.create_trial(ExperimentName=experiment, TrialName=trial)
    config = {
        "ExperimentName": experiment,
        "TrialName": trial,
        "TrialComponentDisplayName": "Training",
    }
    assert process(**config) == config
