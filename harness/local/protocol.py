"""AWS's wire protocols, driven by botocore's service models.

A *provider* is any object with methods named after a service's operations in snake case::

    class TrainingJobs:
        def create_training_job(
            self, context: RequestContext, request: dict[str, Any]
        ) -> dict[str, Any] | None: ...

`request` has AWS's own member names, parsed and validated: timestamps are aware
`datetime`s, blobs are `bytes`, members that were not sent are absent. What the method returns
is serialised the same way; members that are None and empty structures are left out at every
depth. An `AwsError` that it raises becomes the service's error response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class AwsError(Exception):
    """An error that the caller is told about in AWS's form.

    `code` is the error's shape name in the service model (`ResourceNotFound`, `ModelError`) or
    a common error code (`ValidationException`). The HTTP status comes from the model, or is 400.
    `members` are the error shape's further members (`OriginalStatusCode=500`).
    """

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who called what, where."""

    service: str
    operation: str
    region: str
    account_id: str
    request_id: str

    @property
    def partition(self) -> str:
        """The ARN partition of `region`: `aws`, `aws-cn`, `aws-us-gov`, …"""
        raise NotImplementedError

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """`arn:aws:sagemaker:us-east-1:123456789012:` followed by `resource`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names are in lower case; `path` is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Service:
    """One AWS service: its botocore model, and the providers that implement operations of it."""

    def __init__(self, name: str, providers: Sequence[object]) -> None:
        self.name = name
        self.providers = providers

    def respond(self, request: Request) -> Response:
        """Parse and validate `request`, call its provider, and serialise what comes of it."""
        raise NotImplementedError
