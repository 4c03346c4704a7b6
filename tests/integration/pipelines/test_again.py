"""What runs again and what doesn't: retry policies, caches that expire, selections, retries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from harness.config.faults import Fault
from tests.integration.pipelines.support import get
from tests.integration.support import ROLE

if TYPE_CHECKING:
    from harness.local.aws import LocalAWS
    from tests.integration.pipelines.support import Pipelines

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


def job(steps: dict[str, Any], name: str) -> str:
    return str(steps[name]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2])


@pytest.mark.slow
def test_a_retry_policy_begins_another_job(local_aws: LocalAWS, pipelines: Pipelines) -> None:
    local_aws.faults.add(
        Fault(
            event="InsufficientInstanceCapacity", operation="CreateTrainingJob",
            resource="pipelines-*-Scarce-*", count=1,
        )
    )  # fmt: skip
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 0,
              "MaxAttempts": 3}  # fmt: skip
    pipelines.create(pipelines.train("Scarce", "fast", RetryPolicies=[policy]))
    arn = pipelines.start()
    assert pipelines.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    step = pipelines.steps(arn)["Scarce"]
    assert step["AttemptCount"] == 2
    made = pipelines.sagemaker.list_training_jobs(
        NameContains=arn.rpartition("/")[2], SortOrder="Ascending"
    )["TrainingJobSummaries"]
    assert [each["TrainingJobStatus"] for each in made] == ["Failed", "Completed"]
    assert step["Metadata"]["TrainingJob"]["Arn"] == made[1]["TrainingJobArn"]


@pytest.mark.slow
def test_what_has_expired_runs_again_and_so_does_what_is_selected(pipelines: Pipelines) -> None:
    kept: Any = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    expired: Any = {"CacheConfig": {"Enabled": True, "ExpireAfter": "PT0.01S"}}
    pipelines.create(pipelines.prepare(**kept), pipelines.train(**expired))
    first = pipelines.start()
    pipelines.end(first)
    second = pipelines.start()
    pipelines.end(second)
    before, after = pipelines.steps(first), pipelines.steps(second)
    assert not pipelines.failures(second)
    assert after["Prepare"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert "CacheHitResult" not in after["Train"]
    assert job(after, "Train") != job(before, "Train")

    chosen = pipelines.start(
        SelectiveExecutionConfig={
            "SourcePipelineExecutionArn": first, "SelectedSteps": [{"StepName": "Train"}]
        }
    )  # fmt: skip
    assert pipelines.end(chosen)["PipelineExecutionStatus"] == "Succeeded"
    steps = pipelines.steps(chosen)
    assert steps["Prepare"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": first}
    assert steps["Prepare"]["Metadata"] == before["Prepare"]["Metadata"]
    described = pipelines.sagemaker.describe_training_job(TrainingJobName=job(steps, "Train"))
    assert described["TrainingJobStatus"] == "Completed"
    assert job(steps, "Train") not in (job(before, "Train"), job(after, "Train"))


@pytest.mark.slow
def test_an_execution_is_retried_from_the_step_that_failed(pipelines: Pipelines) -> None:
    aws = pipelines.aws
    late = pipelines.train("Late", DependsOn=["Early"])
    source = f"{pipelines.out}/late/"
    late["Arguments"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = source
    pipelines.create(pipelines.train("Early", "fast"), late)
    arn = pipelines.start()
    assert pipelines.end(arn)["PipelineExecutionStatus"] == "Failed"
    failed = pipelines.steps(arn)
    assert source.rstrip("/") in failed["Late"]["FailureReason"]

    aws.s3.put_object(Bucket=aws.bucket, Key=f"{pipelines.name}/late/rows.csv", Body=b"1\n")
    pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert pipelines.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    again = pipelines.steps(arn)
    assert job(again, "Early") == job(failed, "Early")
    assert "Metadata" not in failed["Late"]  # it was refused before there was a job
    found = pipelines.sagemaker.describe_training_job(TrainingJobName=job(again, "Late"))
    assert found["TrainingJobStatus"] == "Completed"


def test_a_callback_stands_between_jobs_and_the_best_of_a_tuning_job_becomes_a_model(
    pipelines: Pipelines,
) -> None:
    aws, client = pipelines.aws, pipelines.sagemaker
    sqs = aws.session.client("sqs")
    queue = sqs.create_queue(QueueName=pipelines.name[-80:].strip("-"))["QueueUrl"]
    place = get("Steps.Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    ask = pipelines.step(
        "Ask", "Callback", {"prepared": place}, SqsQueueUrl=queue,
        OutputParameters=[{"OutputName": "label", "OutputType": "String"}],
    )  # fmt: skip
    tune = pipelines.tune()
    definition = tune["Arguments"]["TrainingJobDefinition"]
    config = tune["Arguments"]["HyperParameterTuningJobConfig"]
    config["ParameterRanges"] = {"CategoricalParameterRanges": [
        {"Name": "label", "Values": [get("Steps.Ask.OutputParameters['label']")]}]}  # fmt: skip
    best = get("Steps.Tune.TrainingJobSummaries[0].TrainingJobName")
    data = {"Std:Join": {"On": "/", "Values": [
        definition["OutputDataConfig"]["S3OutputPath"], best, "output/model.tar.gz"]}}  # fmt: skip
    container = {"Image": pipelines.image, "ModelDataUrl": data}
    model = pipelines.step("Model", "Model", {
        "ExecutionRoleArn": ROLE, "PrimaryContainer": container})  # fmt: skip
    pipelines.create(pipelines.prepare(), ask, tune, model)
    arn = pipelines.start()

    (message,) = aws.wait_until(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"),
        "a message of the step",
    )
    body = json.loads(message["Body"])
    assert body["arguments"] == {"prepared": f"{pipelines.out}/prepared"}
    client.send_pipeline_execution_step_success(
        CallbackToken=body["token"], OutputParameters=[{"Name": "label", "Value": "better"}]
    )
    assert pipelines.end(arn)["PipelineExecutionStatus"] == "Succeeded"
    steps = pipelines.steps(arn)
    tuned = client.describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    )["BestTrainingJob"]
    assert tuned["TunedHyperParameters"] == {"label": "better"}
    name = steps["Model"]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
    found = client.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataUrl"]
    child = client.describe_training_job(TrainingJobName=tuned["TrainingJobName"])
    assert found == child["ModelArtifacts"]["S3ModelArtifacts"]
