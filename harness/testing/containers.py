"""The local AWS as those who use testcontainers start what they test with.

    with SageMaker() as aws:
        aws.client("sagemaker").create_training_job(...)

It is no container itself: its jobs and endpoints are, and go with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from harness.local.aws import LocalAWS
from harness.local.core.client import ensure_bucket, local_boto_session

if TYPE_CHECKING:
    from types import TracebackType

    import boto3


class SageMaker:
    """A local AWS from `start` to `stop`, with S3 and the rest beside SageMaker.

    Args:
        region_name: of the names (ARNs) that it gives out.
        bucket: is there from the start.
    """

    def __init__(self, region_name: str = "us-east-1", bucket: str = "harness-local") -> None:
        self.region_name = region_name
        self.bucket = bucket
        self._server: LocalAWS | None = None

    def start(self) -> Self:
        """Start it; returns when it answers."""
        self._server = LocalAWS(self.region_name).start()
        ensure_bucket(self.session(), self.bucket)
        return self

    def stop(self) -> None:
        """End it with all it runs. May be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        """The endpoint URL for any SDK."""
        if self._server is None:
            raise RuntimeError("This SageMaker isn't started: use it in a `with`, or call start().")
        return self._server.url

    def session(self) -> boto3.Session:
        """A boto3 session on it; the process's environment isn't touched."""
        return local_boto_session(self.url, self.region_name)

    def client(self, service: str) -> Any:
        """A boto3 client on it."""
        make: Any = self.session().client
        return make(service)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
