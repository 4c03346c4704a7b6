"""Steps that make something of SageMaker's: jobs, models, model packages, endpoints."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

from harness.local.jobs.job import Job
from harness.local.pipelines.definition import references, retries
from harness.local.pipelines.definition.kinds import KINDS
from harness.local.pipelines.steps.calls import CallError, StepError, StepStoppedError
from harness.local.pipelines.steps.resolver import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.definition.kinds import Kind
    from harness.local.pipelines.steps.work import Work

RECHECK = 30.0
"""Seconds after which a step looks at its job again; it is told when that has ended."""

POLL = 0.25
"""Seconds after which it looks at an endpoint again, of which it is told nothing."""

SUFFIX = 10
"""Letters that AWS puts behind a job's name."""

MAX_TAGS = 50

_ENDED = ("Completed", "Failed", "Stopped", "InService", "OutOfService")

_REASONS = {
    "CapacityError": retries.CAPACITY_ERROR,
    "InternalServerError": retries.JOB_INTERNAL_ERROR,
    "ResourceLimitExceeded": retries.RESOURCE_LIMIT,
}
"""What retry policies call a job's failure, by what its reason begins with."""


def run(work: Work) -> None:
    """Raises `StepError` and `StepStoppedError`."""
    kind = KINDS[work.step.type]
    request = _request(work, kind)
    if work.take_cached(request):
        return
    work.check_stopped()
    arn = _make(work, kind, request)
    work.run.metadata = {kind.metadata: {"Arn": arn}}
    if kind.status:
        work.run.status = "Executing"
        _wait(work, kind, arn)


def _request(work: Work, kind: Kind) -> dict[str, Any]:
    """The Create request: the step's arguments, with a name, tags, and the experiment."""
    arguments = work.step.arguments
    given = arguments.get(kind.name) if kind.name else None
    own = {}
    if kind.name:
        if references.is_reference(given):
            given = text(work.resolve(given))
        name = _name(work, kind, given)
        own = {kind.name: name}
    request: dict[str, Any] = without_none(work.resolve(arguments, own))
    if kind.name and (kind.create not in _KEEP_NAME or not request.get(kind.name)):
        request[kind.name] = own[kind.name]
    if kind.create != "CreateModelPackage":
        request["Tags"] = _tags(work, request.get("Tags") or [])
    if kind.experiment and work.facts.experiment:
        request["ExperimentConfig"] = {
            **work.facts.experiment, **(request.get("ExperimentConfig") or {})
        }  # fmt: skip
    return request


_KEEP_NAME = frozenset({"CreateEndpoint", "CreateEndpointConfig"})
"""Operations whose name is taken as the step's arguments have it; of the others it is a prefix."""


def without_none(value: Any) -> Any:
    """The value without members that are null: those that aren't given."""
    if isinstance(value, dict):
        return {name: without_none(each) for name, each in value.items() if each is not None}
    return [without_none(each) for each in value] if isinstance(value, list) else value


def _name(work: Work, kind: Kind, prefix: str | None) -> str:
    """As AWS names it: `pipelines-<execution>-<step>-<suffix>`, or `<prefix>-<execution>-<suffix>`.

    Tuning jobs, whose names are shorter, have no `pipelines-`.
    """
    suffix = token(SUFFIX)
    step = work.step.name.replace("_", "-")
    if prefix is not None:
        room = kind.longest - len(work.facts.id) - SUFFIX - 2
        return f"{prefix[:room].strip('-')}-{work.facts.id}-{suffix}"
    begin = "" if kind.longest < len("pipelines--") + 40 else "pipelines-"
    begin += f"{work.facts.id}-"
    room = kind.longest - len(begin) - SUFFIX - 1
    return f"{begin}{step[:room].strip('-')}-{suffix}"


def token(length: int) -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(length))


def _tags(work: Work, given: list[dict[str, str]]) -> list[dict[str, str]]:
    own = [
        {"Key": "sagemaker:pipeline-execution-arn", "Value": work.facts.arn},
        {"Key": "sagemaker:pipeline-step-name", "Value": work.step.name},
    ]
    found = {each["Key"]: each for each in [*work.tags, *given, *own]}
    return list(found.values())[-MAX_TAGS:]


def _make(work: Work, kind: Kind, request: Mapping[str, Any]) -> str:
    calls = work.calls
    if kind.create == "CreateModelPackage":
        _ensure_group(work, request.get("ModelPackageGroupName"))
    if kind.create == "CreateEndpoint" and _has_endpoint(work, request[kind.name]):
        update = {name: request[name] for name in (kind.name, "EndpointConfigName")}
        return str(calls.sagemaker("UpdateEndpoint", update)[kind.arn])
    try:
        return str(calls.sagemaker(kind.create, request)[kind.arn])
    except CallError as error:
        raise _with_policy(work, error) from error


def _with_policy(work: Work, error: CallError) -> StepError:
    """The error, with what AWS adds to one that no policy retries."""
    if error.type is None:
        return error
    name = error.type.partition(".")[2]
    name = f"SAGEMAKER_{name}" if error.type.startswith("SageMaker.") else name
    return StepError(
        f"{error}\nRetry not appropriate on execution of step with PipelineExecutionArn "
        f"{work.facts.arn} and StepId {work.step.name}. No retry policy configured for the "
        f"exception type {name}.",
        error.type,
    )


def _ensure_group(work: Work, name: str | None) -> None:
    """Make the model package group unless it is there, as AWS's Pipelines do."""
    if name is None:
        return
    asked = {"ModelPackageGroupName": name}
    try:
        work.calls.sagemaker("DescribeModelPackageGroup", asked)
    except CallError as error:
        if error.code not in ("ValidationException", "ResourceNotFound"):
            raise
        try:
            work.calls.sagemaker("CreateModelPackageGroup", asked)
        except CallError:
            # Another step, or execution, may have been quicker.
            work.calls.sagemaker("DescribeModelPackageGroup", asked)


def _has_endpoint(work: Work, name: str) -> bool:
    try:
        work.calls.sagemaker("DescribeEndpoint", {"EndpointName": name})
    except CallError as error:
        if error.code == "ValidationException":
            return False
        raise
    return True


def _wait(work: Work, kind: Kind, arn: str) -> None:
    """Until it has ended, and stop it if the execution is to be stopped."""
    made = work.calls.backend.store.get(arn)
    if isinstance(made, Job):
        made.when_ended(work.run.wake.set)
    asked, told = {kind.name: arn.rpartition("/")[2]}, False
    while True:
        work.run.wake.clear()
        if work.is_abandoned():
            raise StepStoppedError
        found = work.calls.sagemaker(kind.describe, asked)
        if found[kind.status] in _ENDED:
            break
        if work.is_stopping() and kind.stop and not told:
            told = True
            work.run.status = "Stopping"
            _stop(work, kind, asked)
        work.run.wake.wait(RECHECK if isinstance(made, Job) else POLL)
    _judge(work, kind, found, arn)


def _stop(work: Work, kind: Kind, asked: Mapping[str, str]) -> None:
    try:
        work.calls.sagemaker(kind.stop, asked)
    except CallError as error:
        if error.code != "ValidationException":  # it has ended meanwhile
            raise


def _judge(work: Work, kind: Kind, found: Mapping[str, Any], arn: str) -> None:
    status, reason = found[kind.status], found.get("FailureReason", "")
    if status in ("Completed", "InService"):
        return
    if status == "Stopped":
        if work.is_stopping():
            raise StepStoppedError
        raise StepError(f"ClientError: {arn} was stopped, by no execution.")
    type_ = next((each for begin, each in _REASONS.items() if reason.startswith(begin)), None)
    raise StepError(f"ClientError: {reason}", type_)
