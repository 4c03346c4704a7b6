"""Airflow's operators for SageMaker pipelines, unmodified."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import boto3
import pytest
from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerStartPipelineOperator,
    SageMakerStopPipelineOperator,
)
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecution"
FAIL = {"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": "too much"}}
CHOOSE = {
    "Name": "Choose",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [
            {
                "Type": "GreaterThan",
                "LeftValue": {"Get": "Parameters.Value"},
                "RightValue": {"Get": "Parameters.Most"},
            }
        ],
        "IfSteps": [FAIL],
        "ElseSteps": [],
    },
}


@pytest.fixture
def name() -> Iterator[str]:
    """Of a pipeline, which is deleted at the end."""
    name = f"airflow-{uuid.uuid4().hex[:8]}"
    yield name
    boto3.client("sagemaker").delete_pipeline(
        PipelineName=name, ClientRequestToken=uuid.uuid4().hex
    )


def create(name: str, *steps: object) -> None:
    definition = {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Value", "Type": "Integer", "DefaultValue": 1},
            {"Name": "Most", "Type": "Integer", "DefaultValue": 5},
        ],
        "Steps": steps,
    }
    boto3.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition),
        ClientRequestToken=uuid.uuid4().hex,
        RoleArn=ROLE,
    )


def ask(queue: str) -> object:
    """A step that waits for an answer."""
    return {
        "Name": "Ask",
        "Type": "Callback",
        "SqsQueueUrl": queue,
        "Arguments": {},
        "OutputParameters": [],
    }


def token(queue: str) -> str:
    """That of the step which asks."""
    answer = boto3.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    (message,) = answer["Messages"]
    return str(json.loads(message["Body"])["token"])


def start(name: str, **options: object) -> str:
    operator = SageMakerStartPipelineOperator(
        task_id="start", pipeline_name=name, check_interval=1, waiter_max_attempts=60, **options
    )
    return str(operator.execute(context={}))


def stop(arn: str, **options: object) -> str:
    operator = SageMakerStopPipelineOperator(
        task_id="stop", pipeline_exec_arn=arn, check_interval=1, waiter_max_attempts=60, **options
    )
    return str(operator.execute(context={}))


def described(arn: str) -> dict[str, object]:
    client = boto3.client("sagemaker")
    return dict(client.describe_pipeline_execution(PipelineExecutionArn=arn))


def test_start_waits_for_the_end_with_the_parameters_given(name: str) -> None:
    create(name, CHOOSE)
    arn = start(name, display_name="by-airflow", wait_for_completion=True)
    found = described(arn)
    assert found["PipelineExecutionStatus"] == "Succeeded"
    assert found["PipelineExecutionDisplayName"] == "by-airflow"

    with pytest.raises(Exception, match=r"too much|failed|Failed"):
        start(name, pipeline_params={"Value": "6"}, wait_for_completion=True)
    client = boto3.client("sagemaker")
    last = client.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"][0]
    assert last["PipelineExecutionStatus"] == "Failed"
    parameters = client.list_pipeline_parameters_for_execution(
        PipelineExecutionArn=last["PipelineExecutionArn"]
    )["PipelineParameters"]
    assert {each["Name"]: each["Value"] for each in parameters} == {"Value": "6", "Most": "5"}


def test_start_of_what_is_not_there_and_of_a_parameter_that_is_not_there_fail(name: str) -> None:
    create(name, CHOOSE)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        start(f"{name}-other")
    with pytest.raises(ClientError, match=r"ValidationException.*Other"):
        start(name, pipeline_params={"Other": "1"})


def test_stop_of_a_running_execution_waits_until_it_is_stopped(name: str) -> None:
    queue = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    create(name, ask(queue))
    arn = start(name)
    asked = token(queue)
    assert described(arn)["PipelineExecutionStatus"] == "Executing"
    assert stop(arn) == "Stopping"  # a Callback step is stopped when it is answered, as on AWS
    boto3.client("sagemaker").send_pipeline_execution_step_failure(CallbackToken=asked)
    assert stop(arn, wait_for_completion=True) == "Stopped"
    assert described(arn)["PipelineExecutionStatus"] == "Stopped"


def test_stop_of_what_has_ended_fails_only_if_it_is_to(name: str) -> None:
    create(name, CHOOSE)
    arn = start(name, wait_for_completion=True)
    assert stop(arn) == "Succeeded"  # which it sees by the words of the refusal
    with pytest.raises(ClientError, match="Only pipelines with 'Executing' status can be stopped"):
        stop(arn, fail_if_not_running=True)
