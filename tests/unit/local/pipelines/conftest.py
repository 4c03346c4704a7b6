"""Pipelines that need no container: of conditions, failures, callbacks."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
WAIT = 30


def definition(*steps: dict[str, Any], parameters: Any = (), **members: Any) -> str:
    return json.dumps({
        "Version": "2020-12-01", "Metadata": {}, "Parameters": list(parameters),
        "Steps": list(steps), **members,
    })  # fmt: skip


def condition(
    name: str,
    left: Any = 1,
    right: Any = 1,
    if_steps: Any = (),
    else_steps: Any = (),
    **members: Any,
) -> dict[str, Any]:
    comparison = {"Type": "Equals", "LeftValue": left, "RightValue": right}
    arguments = {"Conditions": [comparison], "IfSteps": list(if_steps),
                 "ElseSteps": list(else_steps)}  # fmt: skip
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}


def fail(name: str, message: Any = "no") -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


class Client:
    """What the tests do with pipelines."""

    def __init__(self, aws: Any) -> None:
        self.sagemaker = aws.sagemaker
        self.sqs = aws.session.client("sqs")

    def create(self, text: str, name: str = "", **members: Any) -> str:
        name = name or f"p-{uuid.uuid4().hex[:8]}"
        self.sagemaker.create_pipeline(
            PipelineName=name, RoleArn=ROLE, PipelineDefinition=text, **members
        )
        return name

    def start(self, name: str, **members: Any) -> str:
        started = self.sagemaker.start_pipeline_execution(PipelineName=name, **members)
        return str(started["PipelineExecutionArn"])

    def describe(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return found

    def end(self, arn: str) -> str:
        """Its status, once it has ended."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            status = str(self.describe(arn)["PipelineExecutionStatus"])
            if status not in ("Executing", "Stopping"):
                return status
            time.sleep(0.02)
        raise AssertionError(f"{arn} has not ended")

    def run(self, text: str, **members: Any) -> str:
        """The ARN of an execution that has ended."""
        arn = self.start(self.create(text), **members)
        self.end(arn)
        return arn

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        """By name, the first one first."""
        listed = self.sagemaker.list_pipeline_execution_steps(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        return {each["StepName"]: each for each in listed["PipelineExecutionSteps"]}

    def queue(self) -> str:
        return str(self.sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"])

    def message(self, queue: str) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            found = self.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
            for each in found.get("Messages", []):
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
                body: dict[str, Any] = json.loads(each["Body"])
                return body
        raise AssertionError("there is no message")


@pytest.fixture(scope="module")
def pipelines(aws: Any) -> Client:
    return Client(aws)
