"""boto3 sessions on a local AWS, out of reach of the user's own AWS configuration."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from harness.aws_model import waiters
from harness.aws_model.loader import LOADER, IsolatedSession

# What the local AWS is signed with. It checks no signature, and real keys must not get there.
DUMMY_KEY = "harness"

# What no session can say: requests would go through the environment's proxies, and host prefixes
# ("data-127.0.0.1") don't resolve.
_LOCAL_CONFIG = Config(
    proxies={},
    use_fips_endpoint=False,
    use_dualstack_endpoint=False,
    defaults_mode="legacy",  # type: ignore[arg-type]  # the stubs say bool
    inject_host_prefix=False,
    s3={"addressing_style": "path"},
)


class _LocalLoader:
    """The process's loader, whose models are parsed once, with waiters that look more often."""

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> dict[str, Any]:
        found: dict[str, Any] = LOADER.load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("sagemaker", "waiters-2"):
            return waiters.quick(found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(LOADER, name)


class LocalBotocoreSession(IsolatedSession):
    """A botocore session whose clients all talk to `url`, whatever the environment says.

    An endpoint in a config file would not do: variables such as AWS_ENDPOINT_URL_S3 and
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS come before it, and the SDK names STS's URL explicitly.
    """

    def __init__(self, url: str, region: str, key: str = DUMMY_KEY) -> None:
        super().__init__()
        self.url = url
        self._key = key
        self.set_config_variable("region", region)
        self.set_credentials(key, DUMMY_KEY)
        self.register_component("data_loader", _LocalLoader())

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        config: Config | None = kwargs.get("config")
        kwargs |= {
            "endpoint_url": self.url,
            "config": config.merge(_LOCAL_CONFIG) if config else _LOCAL_CONFIG,
            "aws_access_key_id": self._key,
            "aws_secret_access_key": DUMMY_KEY,
            "aws_session_token": None,
        }
        return super().create_client(*args, **kwargs)


def local_boto_session(url: str, region: str, key: str = DUMMY_KEY) -> boto3.Session:
    """A boto3 session for the local AWS at `url`; the process's environment isn't touched.

    With the number of an account as its `key`, calls are made in that account.
    """
    return boto3.Session(botocore_session=LocalBotocoreSession(url, region, key))


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
