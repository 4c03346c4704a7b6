"""Operations of this local AWS that steps call, as AWS's Pipelines call AWS's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from harness.local.pipelines.definition import retries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from harness.local.core.backend import Backend
    from harness.local.pipelines.definition.parameters import Value
    from harness.local.protocol.messages import RequestContext


class StepError(Exception):
    """Ends a step as Failed; the text becomes its failure reason.

    `type` is one of those that retry policies name, or None.
    """

    def __init__(self, reason: str, type_: str | None = None) -> None:
        super().__init__(reason)
        self.type = type_


class CallError(StepError):
    """An operation was refused, or failed: `code` is AWS's error code."""

    def __init__(self, operation: str, code: str, message: str, status: int) -> None:
        super().__init__(
            f"ClientError: Failed to invoke {operation}. Error Details: {message}",
            _type_of(code, status),
        )
        self.code = code
        self.message = message


class StepStoppedError(Exception):
    """Ends a step as Stopped."""


class Facts(NamedTuple):
    """What an execution's steps know of it."""

    arn: str
    id: str
    pipeline: str
    pipeline_arn: str
    started: datetime
    parameters: Mapping[str, Value]
    experiment: Mapping[str, str]
    """`ExperimentName` and `TrialName`; empty if it has none."""


class Calls:
    """Calls in the account and region of an execution: through the local AWS's own door.

    So they are parsed, validated and answered as anyone's, by whoever provides the operation.
    """

    def __init__(self, backend: Backend, context: RequestContext) -> None:
        self.backend = backend
        self.context = context

    def sagemaker(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raises `CallError`, or `StepError` if the request isn't as botocore's model has it."""
        return self.call("sagemaker", operation, request)

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        client = self.client(service)
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**request)
        except ClientError as error:
            known = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise CallError(
                f"{service}:{operation}", known.get("Code", ""), known.get("Message", ""), status
            ) from error
        except BotoCoreError as error:
            text = " ".join(str(error).split())
            raise StepError(
                f"ClientError: Failed to invoke {service}:{operation}. Error Details: {text}"
            ) from error
        return answer

    def client(self, service: str, patience: float | None = None) -> Any:
        where = self.context.region, self.context.account_id
        return self.backend.client(service, *where, patience=patience)


_THROTTLING = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown")


def _type_of(code: str, status: int) -> str | None:
    """What retry policies call an error of an operation."""
    if any(each in code for each in _THROTTLING):
        return retries.THROTTLING
    if code in ("ResourceLimitExceeded", "LimitExceededException"):
        return retries.RESOURCE_LIMIT
    server_error = 500
    return retries.SERVICE_FAULT if status >= server_error and status != 501 else None
