"""Pipelines in a state that is saved, and steps that are tried again."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.faults import Fault
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.unit.local.pipelines.conftest import ROLE, Client, condition, definition
from tests.unit.local.pipelines.test_executions import callback

NO_CAPACITY = Fault(event="InsufficientInstanceCapacity", operation="CreateTrainingJob")
TRAIN: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "none:1", "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.fixture
def start(no_engine):
    """Starts a local AWS after the one before has ended."""
    started: list[LocalAWS] = []

    def start(**arguments):
        end()
        server = LocalAWS(**arguments)
        server.start()
        started.append(server)
        session = local_boto_session(server.url, server.region)
        client = Client(SimpleNamespace(sagemaker=session.client("sagemaker"), session=session))
        return server, client

    def end():
        while started:
            started.pop().close()

    yield start
    end()


def train(*policies):
    retried = {"RetryPolicies": list(policies)}
    return {"Name": "Train", "Type": "Training", "Arguments": TRAIN, **retried}


def test_a_state_has_pipelines_their_versions_and_executions(start, tmp_path):
    server, pipelines = start(state=tmp_path)
    queue = pipelines.queue()
    name = pipelines.create(definition(condition("First"), callback("Ask", queue)),
                            Tags=[{"Key": "team", "Value": "a"}])  # fmt: skip
    done = pipelines.start(name)
    pipelines.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=pipelines.message(queue)["token"]
    )
    assert pipelines.end(done) == "Succeeded"
    running = pipelines.start(name, ClientRequestToken="s" * 32)
    pipelines.message(queue)
    pipelines.sagemaker.update_pipeline(
        PipelineName=name, PipelineDefinition=definition(condition("Other"))
    )
    before = pipelines.sagemaker.describe_pipeline(PipelineName=name)
    server.save_state()

    _, again = start(state=tmp_path)
    described = again.sagemaker.describe_pipeline(PipelineName=name)
    for each in (before, described):
        each.pop("ResponseMetadata")
    assert described == before
    arn = described["PipelineArn"]
    assert again.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert again.end(done) == "Succeeded"
    assert set(again.steps(done)) == {"First", "Ask"}
    assert again.end(running) == "Failed"
    assert "the local AWS ended" in again.describe(running)["FailureReason"]
    assert again.start(name, ClientRequestToken="s" * 32) == running
    again.sagemaker.retry_pipeline_execution(PipelineExecutionArn=running)
    again.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=again.message(queue)["token"]
    )
    assert again.end(running) == "Succeeded"
    versions = again.sagemaker.list_pipeline_versions(PipelineName=name)
    assert [each["PipelineVersionId"] for each in versions["PipelineVersionSummaries"]] == [2, 1]


def test_a_reset_forgets_what_runs(start):
    server, pipelines = start()
    queue = pipelines.queue()
    name = pipelines.create(definition(callback("Ask", queue)))
    pipelines.start(name)
    pipelines.message(queue)
    begun = time.monotonic()
    server.reset()
    assert time.monotonic() - begun < 10
    assert pipelines.sagemaker.list_pipelines()["PipelineSummaries"] == []


def test_a_failure_is_tried_again_as_often_as_its_policy_says(start):
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 0, "MaxAttempts": 2}
    server, pipelines = start()
    server.faults.add(NO_CAPACITY)
    for policies, attempts in (((policy,), 3), ((), 1)):
        arn = pipelines.run(definition(train(*policies)))
        step = pipelines.steps(arn)["Train"]
        assert step["StepStatus"] == "Failed"
        assert step["AttemptCount"] == attempts
        assert step["FailureReason"].startswith("ClientError: CapacityError: ")
        job = step["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
        assert job.startswith(f"pipelines-{arn.rpartition('/')[2]}-Train-")


def test_a_request_that_is_refused_fails_the_step_in_aws_s_words(start):
    _, pipelines = start()
    wrong = {**TRAIN, "ResourceConfig": {**TRAIN["ResourceConfig"], "InstanceCount": 200}}
    step = {"Name": "Train", "Type": "Training", "Arguments": wrong}
    arn = pipelines.run(definition(step, condition("Other")))
    found = pipelines.steps(arn)
    assert found["Other"]["StepStatus"] == "Succeeded"
    reason = found["Train"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Det")
    assert reason.endswith(
        f"Retry not appropriate on execution of step with PipelineExecutionArn {arn} and StepId "
        "Train. No retry policy configured for the exception type SAGEMAKER_RESOURCE_LIMIT."
    )
