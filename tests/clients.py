"""boto3's clients of a local AWS, and how their calls fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.aws import LocalAWS


def make_client(server: LocalAWS, service: str, region: str = "us-east-1", **config: Any) -> Any:
    """A client that doesn't try again; `config` is botocore's."""
    session: Any = boto3.Session(
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x", region_name=region
    )
    retries: Any = {"total_max_attempts": 1}
    return session.client(
        service, endpoint_url=server.url, config=Config(retries=retries, **config)
    )


def failure(method: Callable[..., object], **parameters: Any) -> tuple[int, str, str]:
    """Status, code and message of the error that a call must end in."""
    with pytest.raises(ClientError) as caught:
        method(**parameters)
    response = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


def refusal(call: Callable[..., object], code: str = "ValidationException", **request: Any) -> str:
    """The message of the error, of this code, that a call must end in."""
    _, found, message = failure(call, **request)
    assert found == code
    return message
