"""Steps that make nothing of SageMaker's: Condition, Fail, Lambda, Callback."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.pipelines.definition import conditions, retries
from harness.local.pipelines.definition.conditions import ConditionError
from harness.local.pipelines.steps import made
from harness.local.pipelines.steps.calls import StepError, StepStoppedError
from harness.local.pipelines.steps.resolver import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.steps.work import Work

LAMBDA_SECONDS = 600
"""What AWS gives a Lambda step."""

CALLBACK_SECONDS = 7 * 24 * 3600
"""What AWS gives a Callback step."""

MAX_OUTPUT = 1024
"""Letters of an output's value (`OutputParameter` in the service model)."""

TOKEN = 10
"""Letters of a callback's token."""


def condition(work: Work) -> None:
    """All conditions must hold."""
    try:
        values = work.resolve(work.step.arguments["Conditions"])
        outcome = all(conditions.holds(each) for each in values)  # an error in any is told
    except ConditionError as error:
        raise StepError(f"ClientError: {error}.") from error
    work.run.metadata = {"Condition": {"Outcome": str(outcome)}}


def fail(work: Work) -> None:
    message = text(work.resolve(work.step.arguments.get("ErrorMessage", "")))
    work.run.metadata = {"Fail": {"ErrorMessage": message}}
    raise StepError(message)


def lambda_(work: Work) -> None:
    """Invoke a function of moto's Lambda, which runs it in a container."""
    function = str(work.resolve(work.step.given["FunctionArn"]))
    arguments = work.resolve(work.step.arguments)
    if work.take_cached({"FunctionArn": function, "Arguments": arguments}):
        return
    work.run.metadata = {"Lambda": {"Arn": function}}
    work.run.status = "Executing"
    answer = _invoke(work, function, arguments)
    outputs = [
        {"Name": name, "Value": _output(name, answer.get(name), type_)}
        for name, type_ in work.step.outputs.items()
    ]
    work.run.metadata = {"Lambda": {"Arn": function, "OutputParameters": outputs}}
    if work.is_stopping():
        raise StepStoppedError


def _invoke(work: Work, function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the function returns: an object."""
    failed = f"ClientError: Lambda function {function} failed"
    try:
        answer = work.calls.client("lambda", LAMBDA_SECONDS).invoke(
            FunctionName=function, Payload=json.dumps(arguments, default=str).encode()
        )
        payload = answer["Payload"].read().decode("utf-8", "replace")
    except ClientError as error:
        server_error = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        raise StepError(
            f"{failed}: {error}", retries.SERVICE_FAULT if server_error else None
        ) from error
    except BotoCoreError as error:
        raise StepError(f"{failed}: {error}") from error
    if answer.get("FunctionError"):
        raise StepError(f"{failed}: {payload}")
    try:
        found = json.loads(payload or "{}")
    except ValueError as error:
        raise StepError(f"{failed}: what it returned is no JSON: {payload[:200]!r}") from error
    if not isinstance(found, dict):
        if work.step.outputs:
            raise StepError(f"{failed}: it must return an object, and returned {payload[:200]!r}")
        return {}
    return found


def _output(name: str, value: Any, type_: str) -> str:
    """A value as outputs keep it: a text. Raises `StepError` if it is of another type."""
    types: dict[str, tuple[type, ...]] = {
        "Integer": (int,), "Float": (int, float), "Boolean": (bool,), "String": (str,)
    }  # fmt: skip
    if not isinstance(value, types[type_]) or isinstance(value, bool) != (type_ == "Boolean"):
        raise StepError(f"ClientError: Output [{name}] must be of type {type_}, and is {value!r}.")
    found = text(value)
    if len(found) > MAX_OUTPUT:
        raise StepError(f"ClientError: Output [{name}] has more than {MAX_OUTPUT} letters.")
    return found


def callback(work: Work) -> None:
    """Send a message to a queue of moto's SQS, and wait until somebody answers its token."""
    queue = str(work.resolve(work.step.given["SqsQueueUrl"]))
    arguments = work.resolve(work.step.arguments)
    if work.take_cached({"SqsQueueUrl": queue, "Arguments": arguments}):
        return
    run = work.run
    run.answer = None
    token = made.token(TOKEN)
    known = {"CallbackToken": token, "SqsQueueUrl": queue}
    message = {
        "token": token,
        "pipelineExecutionArn": work.facts.arn,
        "arguments": arguments,
        "status": "Executing",
    }
    run.metadata = {"Callback": known}
    run.status = "Executing"
    _send(work, queue, message)
    outputs = _answer(work, queue, message)
    run.metadata = {"Callback": {**known, "OutputParameters": outputs}}
    if work.is_stopping():
        raise StepStoppedError


def _send(work: Work, queue: str, message: Mapping[str, Any]) -> None:
    body = json.dumps(message, default=str)
    work.calls.call("sqs", "SendMessage", {"QueueUrl": queue, "MessageBody": body})


def _answer(work: Work, queue: str, message: Mapping[str, Any]) -> list[dict[str, str]]:
    """The outputs that a Callback step is told; it isn't stopped before it is told something."""
    run, deadline, told = work.run, time.monotonic() + CALLBACK_SECONDS, False
    while True:
        run.wake.clear()
        if work.is_abandoned():
            raise StepStoppedError
        if run.answer is not None:
            break
        if work.is_stopping() and not told:
            told = True
            run.status = "Stopping"
            _send(work, queue, {**message, "status": "Stopping"})
        left = deadline - time.monotonic()
        if left <= 0:
            raise StepError("ClientError: Nobody answered the callback's token within 7 days.")
        run.wake.wait(left)
    if "OutputParameters" not in run.answer:
        if work.is_stopping():
            raise StepStoppedError
        raise StepError(f"ClientError: {run.answer['FailureReason']}")
    given = {each["Name"]: each["Value"] for each in run.answer["OutputParameters"]}
    return [{"Name": name, "Value": given[name]} for name in work.step.outputs if name in given]
