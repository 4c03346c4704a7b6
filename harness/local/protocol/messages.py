"""Requests and responses, and what a provider is told of a call."""

from __future__ import annotations

import functools
import http
import io
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from harness.aws_model.regions import partition

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


class RequestContext(NamedTuple):
    """Who called what, where."""

    service: str
    operation: str
    region: str
    account_id: str
    request_id: str

    def again(self, request_id: str) -> RequestContext:
        """That of another request for the same."""
        return RequestContext(*self[:4], request_id)

    @property
    def partition(self) -> str:
        """The ARN partition of `region`: `aws`, `aws-cn`, `aws-us-gov`, …"""
        return partition(self.region)

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """`arn:aws:sagemaker:us-east-1:123456789012:` followed by `resource`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(slots=True)
class Request:
    """An HTTP request. Header names are in lower case; `path` is still percent-encoded.

    `stream` ends where the body does, after `length` bytes if that is known. Reading it raises
    `DisconnectedError`, which is to be passed on, where the body breaks off.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    stream: IO[bytes] = field(default_factory=io.BytesIO)
    length: int | None = None


@runtime_checkable
class Pieces(Protocol):
    """A body that is made in the loop, a piece at a time."""

    async def next(self) -> bytes | None:
        """What comes next; None at the end."""

    async def close(self) -> None:
        """Give up what is behind it; called once, whether it was read or not."""


class Response(NamedTuple):
    """An HTTP response. A `body` that is not bytes is sent while it is made.

    That of a generator is made in threads, a piece in any of them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | Generator[bytes, None, None] | Pieces

    @property
    def reason(self) -> str:
        return _reason(self.status)


@functools.lru_cache
def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


@functools.lru_cache
def header_name(name: bytes) -> str:
    """A header's name as requests and answers have it: in lower case."""
    return name.decode("latin-1").lower()
