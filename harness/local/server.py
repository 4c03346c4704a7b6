"""The local AWS as one HTTP server: SageMaker and its Runtime here, every other service moto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self


class LocalAWS:
    """A local AWS on `http://host:port`, running in a thread of this process.

    `providers` are the objects that implement operations, by botocore's service name; by
    default those of `harness.local`. A provider that has a `close()` is closed with the server,
    last one first, while the server still answers.
    """

    def __init__(
        self,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        extra_hosts: Sequence[str] = (),
        providers: Mapping[str, Sequence[object]] | None = None,
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.host = host
        self.port = port
        self.extra_hosts = extra_hosts
        self.providers = providers

    @property
    def url(self) -> str:
        """The endpoint URL to give to clients."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listen; returns when connections are accepted."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the providers, stop answering and free the port. May be called twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
