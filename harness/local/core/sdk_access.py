"""How the AWS SDKs in a container find the local AWS: variables, and a file that old ones read.

None of it stands in the way of what is the image's, the request's or ~/.aws's own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.aws_model import endpoints
from harness.local.core.client import DUMMY_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/opt/harness/aws"
"""Of the container, with what botocore reads."""

_DATA_PATH = "AWS_DATA_PATH"


def variables(url: str, key: str) -> dict[str, str]:
    """Those that have the SDKs of a container call `url`, with an access key for it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
        # Host prefixes ("sync-172.17.0.1") don't resolve.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        # boto3 before 1.40 has STS's global address in its code, and no file changes that.
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
    }


def data_path(own: Mapping[str, str], folder: str) -> dict[str, str]:
    """AWS_DATA_PATH with `folder` behind all that botocore would look into without it."""
    return {_DATA_PATH: endpoints.data_path(own.get(_DATA_PATH, ""), folder)}


def files(url: str) -> dict[str, bytes]:
    """What stands in `FOLDER`, by its path there."""
    documents = endpoints.files(url).items()
    return {name: json.dumps(each, separators=(",", ":")).encode() for name, each in documents}
