"""A boto3 session on the target: the local AWS or the real one.

Here, and in no step of the flow, is it decided which of the two a run talks to. The SageMaker SDK
isn't imported here, since that takes longer than everything else on the way to a started job.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config import Settings

# What the local AWS is signed with. It checks no signature, and real keys must not get there.
DUMMY_KEY = "harness"

# Each of these has a counterpart in the environment or in ~/.aws, which would turn a local call
# elsewhere or have it refused: proxies, FIPS and dual-stack endpoints, a look at the instance's
# metadata for AWS_DEFAULTS_MODE=auto. Host prefixes ("data-127.0.0.1") don't resolve.
_LOCAL_CONFIG = Config(
    proxies={},
    use_fips_endpoint=False,
    use_dualstack_endpoint=False,
    defaults_mode="legacy",  # type: ignore[arg-type]  # the stubs say bool
    inject_host_prefix=False,
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True)
class Connection:
    """Where a run's calls go.

    `ephemeral`: what is created over it ends with it, as the embedded local AWS does.
    """

    boto: boto3.Session
    ephemeral: bool

    @property
    def region(self) -> str:
        return self.boto.region_name

    @property
    def url(self) -> str | None:
        """The endpoint URL of every service, or None where it is AWS's own."""
        session = self.boto._session
        return session.url if isinstance(session, LocalBotocoreSession) else None


class LocalBotocoreSession(botocore.session.Session):
    """A botocore session whose clients all talk to `url`, whatever the environment says.

    An endpoint in a config file would not do: variables such as AWS_ENDPOINT_URL_S3 and
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS come before it, and the SDK names STS's URL explicitly.
    """

    def __init__(self, url: str, region: str) -> None:
        # Neither AWS_PROFILE nor ~/.aws has a say.
        super().__init__(session_vars={"profile": (None, [], None, None)})
        self.url = url
        self.set_config_variable("config_file", os.devnull)
        self.set_config_variable("credentials_file", os.devnull)
        self.set_config_variable("region", region)
        self.set_credentials(DUMMY_KEY, DUMMY_KEY)

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        config: Config | None = kwargs.get("config")
        kwargs |= {
            "endpoint_url": self.url,
            "config": config.merge(_LOCAL_CONFIG) if config else _LOCAL_CONFIG,
            "aws_access_key_id": DUMMY_KEY,
            "aws_secret_access_key": DUMMY_KEY,
            "aws_session_token": None,
        }
        return super().create_client(*args, **kwargs)


def local_boto_session(url: str, region: str) -> boto3.Session:
    """A boto3 session for the local AWS at `url`; the process's environment isn't touched."""
    return boto3.Session(botocore_session=LocalBotocoreSession(url, region))


def ensure_bucket(boto: boto3.Session, bucket: str) -> None:
    """Create the bucket of the local AWS unless it is there."""
    s3 = boto.client("s3")
    if bucket in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        return
    if boto.region_name == "us-east-1":  # which S3 refuses as a LocationConstraint
        s3.create_bucket(Bucket=bucket)
    else:
        s3.create_bucket(
            Bucket=bucket,
            CreateBucketConfiguration={
                "LocationConstraint": boto.region_name  # type: ignore[typeddict-item]
            },
        )


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Connect to the settings' target; an embedded local AWS lives as long as the context.

    Raises:
        ConfigError: `target` is "aws" and role, bucket or credentials are missing.
    """
    if settings.target == "aws":
        from harness import aws

        yield Connection(aws.boto_session(settings), ephemeral=False)
    elif settings.local.endpoint_url:
        boto = local_boto_session(settings.local.endpoint_url, settings.region)
        ensure_bucket(boto, settings.local.bucket)
        yield Connection(boto, ephemeral=False)
    else:
        from harness.local import LocalAWS

        with LocalAWS(settings.region, settings.local.account_id) as server:
            boto = local_boto_session(server.url, settings.region)
            ensure_bucket(boto, settings.local.bucket)
            yield Connection(boto, ephemeral=True)
