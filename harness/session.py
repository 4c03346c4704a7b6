"""SageMaker SDK sessions: what takes a `sagemaker_session` takes these.

Importing this module imports the SDK, which takes about two seconds; `harness.flow.connection` has
what needs boto3 only.
"""

from __future__ import annotations

import atexit
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from harness.config import extras

try:
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.local import LocalSession as _SDKLocalSession
except ModuleNotFoundError:  # the SDK's v2, which no environment has beside v3
    try:
        from sagemaker.local import LocalSession as _SDKLocalSession
        from sagemaker.session import Session
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("sagemaker"):
            raise
        extras.require("sdk", "harness.LocalSession")
        raise

from harness.errors import ConfigError
from harness.flow.connection import connect
from harness.local.core.client import ensure_bucket, local_boto_session
from harness.sdk import finding, local_mode, sdk_calls, waiting
from harness.service.python import sitecustomize

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from harness.config.settings import Settings
    from harness.flow.connection import Connection

# The SDK's own defaults file would be another way to say it, at the price of a variable.
_SDK_CONFIG = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}

# It would be looked at in each of the look-ups, for 0.14 s.
sitecustomize.quicken_all()


class LocalSession(_SDKLocalSession):  # type: ignore[misc]  # the SDK has no types
    """A SageMaker session on the local AWS.

    Its clients are boto3's own, so that requests are validated as they are for AWS, and the SDK
    takes the paths it takes for AWS (`local_mode` is False). No credentials are looked for. It is
    the `LocalSession` of whichever SDK is installed, v3 or v2, and what is written for that runs
    with this one: the instance types "local" and "local_gpu" stand for those of
    `harness.sdk.local_mode`, and what `file://` URLs name is uploaded.

    Args:
        boto_session: only its region is used; its credentials never leave it.
        default_bucket: created unless it is there. By default the running service's, or
            "harness-local".
        s3_endpoint_url: none but `endpoint_url`: S3 is the local AWS's.
        disable_local_code: as in the SDK's: `local_code` of the local mode's configuration is
            off. Code is uploaded either way.
        endpoint_url: a local AWS that runs already. By default the one that AWS_ENDPOINT_URL
            leads to, or that `harness up` has started; if there is none, one is started in this
            process and stopped by `close()`, on leaving the context, or at exit.
        region_name: of the names (ARNs) that the local AWS gives out.

    Raises:
        ConfigError: there is no local AWS, and none can be started here; another S3 is named.
    """

    def __init__(
        self,
        boto_session: boto3.Session | None = None,
        default_bucket: str | None = None,
        s3_endpoint_url: str | None = None,
        disable_local_code: bool = False,
        sagemaker_config: dict[str, Any] | None = None,
        default_bucket_prefix: str | None = None,
        *,
        endpoint_url: str | None = None,
        region_name: str | None = None,
    ) -> None:
        region = region_name or (boto_session and boto_session.region_name) or ""
        self._server: Any = None
        found = finding.find(endpoint_url)
        if found is None:
            self._server = _local_aws(region or "us-east-1").start()
            atexit.register(self.close)
            found = finding.Found(self._server.url, self._server.region, finding.BUCKET)
        self.endpoint_url: str = found.url
        if s3_endpoint_url not in {None, self.endpoint_url}:
            raise ConfigError(
                f"s3_endpoint_url is {s3_endpoint_url}, but the jobs of the local AWS read and "
                f"write its own S3, at {self.endpoint_url}; leave it out."
            )
        bucket = default_bucket or found.bucket
        boto = local_boto_session(found.url, region or found.region or "us-east-1")
        self._local_mode_requests = local_mode.LocalMode(boto, bucket)
        super().__init__(
            boto_session=boto,
            default_bucket=bucket,
            disable_local_code=disable_local_code,
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
        _use_for_logs(boto_session)

    def uploaded(self, data: Any) -> Any:
        """A `file://` URL's files in S3, as the URL that they have there; all else as it is."""
        return self._local_mode_requests.uploaded(data)

    def upload_data(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """As the SDK's, which knows the path of a `file://` URL in its local mode only."""
        return super().upload_data(local_mode.as_path(path), *args, **kwargs)

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


waiting.quicken(LocalSession, Session)
sdk_calls.take_files(LocalSession)


def _local_aws(region: str) -> Any:
    try:
        from harness.local.aws import LocalAWS
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"LocalSession() can't start a local AWS in this environment, since {error.name} isn't "
            "installed; run `harness up` in another one, and give its URL as endpoint_url."
        ) from error
    return LocalAWS(region, gpu=os.environ.get("HARNESS_LOCAL_GPU", "require"))


def _use_for_logs(boto_session: boto3.Session) -> None:
    """Let `wait(logs=True)` of the SDK v3's resources read the local AWS's logs.

    For these the SDK makes one client for the process, of the environment, which has no region,
    or somebody's own credentials.
    """
    try:
        from sagemaker.core.utils.logs import CloudWatchLogsClient
    except ModuleNotFoundError:  # v2 asks the session
        return
    # Of the class first: without one there, an instance makes its own.
    CloudWatchLogsClient.client = boto_session.client("logs")
    CloudWatchLogsClient().client = CloudWatchLogsClient.client


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """A SageMaker SDK session on the settings' target.

    Raises:
        ConfigError: `target` is "aws" and role, bucket or credentials are missing.
    """
    with connect(settings) as connection:
        yield on(settings, connection)


def on(settings: Settings, connection: Connection) -> Session:
    """A SageMaker SDK session on a connection."""
    where: dict[str, Any] = {
        "default_bucket": settings.place.bucket,
        "default_bucket_prefix": settings.place.prefix or None,
    }
    if connection.url:
        where |= {"endpoint_url": connection.url, "region_name": connection.region}
        return LocalSession(**where)
    return Session(boto_session=connection.boto, **where)
