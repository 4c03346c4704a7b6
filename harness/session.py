"""SageMaker SDK sessions: what takes a `sagemaker_session` takes these.

Importing this module imports the SDK, which takes about two seconds; `harness.flow.connection` has
what needs boto3 only.
"""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

try:
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.local import LocalSession as _SDKLocalSession
except ModuleNotFoundError:  # the SDK's v2, which no environment has beside v3
    from sagemaker.local import LocalSession as _SDKLocalSession
    from sagemaker.session import Session

from harness.errors import ConfigError
from harness.flow.connection import connect
from harness.local.core.client import ensure_bucket, local_boto_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from harness.config.settings import Settings

ENDPOINT_POLL = 0.5
"""Seconds between two looks at an endpoint that is being deployed; the SDK's default is 30."""

# The SDK's own defaults file would be another way to say it, at the price of a variable.
_SDK_CONFIG = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


class LocalSession(_SDKLocalSession):  # type: ignore[misc]  # the SDK has no types
    """A SageMaker session on the local AWS.

    Its clients are boto3's own, so that requests are validated as they are for AWS, and the SDK
    takes the paths it takes for AWS (`local_mode` is False). No credentials are looked for. It is
    the `LocalSession` of whichever SDK is installed, v3 or v2.

    Args:
        boto_session: only its region is used; its credentials never leave it.
        default_bucket: created unless it is there.
        endpoint_url: a local AWS that runs already. By default one is started in this process
            and stopped by `close()`, on leaving the context, or at exit.
        region_name: of the names (ARNs) that the local AWS gives out.
    """

    def __init__(
        self,
        boto_session: boto3.Session | None = None,
        default_bucket: str = "harness-local",
        *,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        default_bucket_prefix: str | None = None,
        sagemaker_config: dict[str, Any] | None = None,
    ) -> None:
        region = region_name or (boto_session and boto_session.region_name) or "us-east-1"
        self._server: Any = None
        if endpoint_url is None:
            self._server = _local_aws(region).start()
            atexit.register(self.close)
            endpoint_url = self._server.url
        self.endpoint_url: str = endpoint_url
        super().__init__(
            boto_session=local_boto_session(endpoint_url, region),
            default_bucket=default_bucket,
            default_bucket_prefix=default_bucket_prefix,
            sagemaker_config=sagemaker_config or _SDK_CONFIG,
        )

    def _initialize(self, boto_session: boto3.Session, *args: Any, **kwargs: Any) -> None:
        super()._initialize(boto_session, *args, **kwargs)
        self.local_mode = False
        # The names are those of the SDK's `Session`, whose LocalSession leaves some of them out.
        self.sagemaker_client = boto_session.client("sagemaker")
        self.sagemaker_runtime_client = boto_session.client("sagemaker-runtime")
        self.sagemaker_featurestore_runtime_client = boto_session.client(
            "sagemaker-featurestore-runtime"
        )
        self.sagemaker_metrics_client = boto_session.client("sagemaker-metrics")
        ensure_bucket(boto_session, self._default_bucket_name_override)
        self._default_bucket = self._default_bucket_name_override

    def wait_for_endpoint(self, endpoint: str, poll: float = ENDPOINT_POLL, **options: Any) -> Any:
        return super().wait_for_endpoint(endpoint, poll, **options)

    def close(self) -> None:
        """Stop the embedded local AWS with all it runs. May be called twice."""
        if self._server is not None:
            self._server.close()
            atexit.unregister(self.close)
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _local_aws(region: str) -> Any:
    try:
        from harness.local.aws import LocalAWS
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"LocalSession() can't start a local AWS in this environment, since {error.name} isn't "
            "installed; run `harness up` in another one, and give its URL as endpoint_url."
        ) from error
    return LocalAWS(region)


# The SDK's LocalSession has these neither wait nor print. (v3's Session has none of them.)
for _name in ("logs_for_job", "logs_for_processing_job"):
    if hasattr(Session, _name):
        setattr(LocalSession, _name, getattr(Session, _name))


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """A SageMaker SDK session on the settings' target.

    Raises:
        ConfigError: `target` is "aws" and role, bucket or credentials are missing.
    """
    with connect(settings) as connection:
        if connection.url:
            yield LocalSession(
                default_bucket=settings.place.bucket,
                endpoint_url=connection.url,
                region_name=connection.region,
                default_bucket_prefix=settings.place.prefix or None,
            )
        else:
            yield Session(
                boto_session=connection.boto,
                default_bucket=settings.place.bucket,
                default_bucket_prefix=settings.place.prefix or None,
            )
