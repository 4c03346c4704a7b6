"""Requests and responses, and what a provider is told of a call."""

from __future__ import annotations

import errno
import http
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from harness.aws_model.regions import partition
from harness.local.protocol.errors import DisconnectedError

UPLOAD = 64 * 1024
"""Bytes of a payload above which it is an `Upload` for those that take one. What is smaller is
waited for, so that no slow client holds up a container."""


class Upload:
    """A request's payload on its way: `len()` bytes, iterated once, in pieces as they come.

    Iterating raises `DisconnectedError`, which is to be passed on.
    """

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream = stream
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        left = self._length
        while left:
            try:
                piece = self._stream.read(min(left, UPLOAD))
            except OSError as error:
                raise DisconnectedError(*error.args) from error
            if not piece:
                raise DisconnectedError(errno.ECONNABORTED, "the request broke off")
            left -= len(piece)
            yield piece


@dataclass(frozen=True, slots=True)
class Payload:
    """A response's payload of `length` bytes, sent while it is iterated, and closed at the end."""

    length: int
    pieces: Generator[bytes, None, None]


_Method = TypeVar("_Method", bound=Callable[..., Any])


def takes_uploads(method: _Method) -> _Method:
    """Marks a provider's method whose payload may be an `Upload`."""
    method.takes_uploads = True  # type: ignore[attr-defined]
    return method


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
        return partition(self.region)

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """`arn:aws:sagemaker:us-east-1:123456789012:` followed by `resource`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names are in lower case; `path` is still percent-encoded.

    `stream` ends where the body does, after `length` bytes if that is known.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    stream: IO[bytes]
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. A `body` that is not bytes is sent while it is iterated."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Generator[bytes, None, None]

    @property
    def reason(self) -> str:
        try:
            return http.HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"
