"""SageMaker SDK sessions: what takes a `sagemaker_session` takes these.

Importing this module imports the SDK, which takes about two seconds; `harness.flow.connection` has
what needs boto3 only.
"""

from __future__ import annotations

import atexit
import math
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

try:
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.local import LocalSession as _SDKLocalSession
except ModuleNotFoundError:  # the SDK's v2, which no environment has beside v3
    from sagemaker.local import LocalSession as _SDKLocalSession
    from sagemaker.session import Session

from harness.errors import ConfigError, FlowError
from harness.flow.connection import connect
from harness.flow.progress import Log
from harness.local.core.client import ensure_bucket, local_boto_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from harness.config.settings import Settings
    from harness.flow.connection import Connection

ENDPOINT_POLL = 0.5
"""Seconds between two looks at an endpoint that is being deployed; the SDK's default is 30."""

LOG_POLL = 0.5
"""Seconds between two looks at a log and its job."""

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
        _use_for_logs(boto_session)

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


# What a job is called in the names of log groups, and the members of its description.
_KINDS = {"logs_for_job": "Training", "logs_for_processing_job": "Processing"}


def _print_line(line: str) -> None:
    print(line.removeprefix(Log.MARK))


def _logs_for(kind: str) -> Any:
    def logs(
        self: LocalSession,
        job_name: str,
        wait: bool = False,
        poll: float = LOG_POLL,
        log_type: str = "All",
        timeout: float | None = None,
    ) -> None:
        """Print what the job's containers have written; with `wait`, until the job has ended.

        Raises:
            FlowError: `timeout` seconds are over.
        """
        del log_type  # the SDK's is about its own lines, of which there are none here
        group = f"/aws/sagemaker/{kind}Jobs"
        log = Log(self.boto_session, _print_line, group, f"{job_name}/")
        describe = getattr(self.sagemaker_client, f"describe_{kind.lower()}_job")
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            status = describe(**{f"{kind}JobName": job_name})[f"{kind}JobStatus"]
            log.show()
            if not wait or status not in {"InProgress", "Stopping"}:
                return
            if time.monotonic() >= end:
                raise FlowError(f"{job_name} is still {status} after {timeout} s.")
            time.sleep(min(poll, LOG_POLL))

    return logs


# The SDK's LocalSession has these neither wait nor print, and v3's Session has none of them.
for _name, _kind in _KINDS.items():
    if not hasattr(Session, _name):
        setattr(LocalSession, _name, _logs_for(_kind))
    else:
        setattr(LocalSession, _name, getattr(Session, _name))


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
