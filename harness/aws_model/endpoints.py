"""Where botocore finds each service: a file of its own kind that has them all at one address.

boto3 reads `AWS_ENDPOINT_URL` since 1.28.0 (July 2023). Older ones take their addresses from
`endpoints.json`, which a folder of `AWS_DATA_PATH` may have, and newer ones do where that variable
isn't set.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from harness.aws_model.loader import LOADER

FILE = "endpoints.json"
"""The file's path below a folder of AWS_DATA_PATH."""

STS_EXTRAS = "endpoint-rule-set-1.sdk-extras.json"
"""What botocore merges over a service's rules for endpoints, which since 1.29 have the last word.

The SageMaker SDK makes its clients of STS with AWS's own URL, which no variable changes.
"""

OWN_MODELS = "~/.aws/models"
"""Where botocore looks for a user's own files, after AWS_DATA_PATH; it expands the "~" there."""

S3_PATH = "/-"
"""What S3's paths begin with for those who take its address from this file.

botocore before 1.29 puts a bucket's name in front of the host, where it doesn't resolve, unless a
config file says otherwise; not so the first part of a path that is no valid name of a bucket.
"""

_KEPT = ("partitionEndpoint", "isRegionalized")


def files(url: str) -> dict[str, dict[str, Any]]:
    """All that a folder of AWS_DATA_PATH has for `url`, by the path below the folder."""
    version = LOADER.determine_latest_version("sts", "service-2")
    return {FILE: document(url), f"sts/{version}/{STS_EXTRAS}": _sts(url)}


def _sts(url: str) -> dict[str, Any]:
    """One rule for all of STS's endpoints, also where a client is given another."""
    endpoint = {"url": url, "properties": {}, "headers": {}}
    rule = {"type": "endpoint", "conditions": [], "endpoint": endpoint}
    return {"version": 1.0, "merge": {"rules": [rule]}}


def document(url: str) -> dict[str, Any]:
    """botocore's own file, with its partitions, regions and signatures, and `url`'s host in all."""
    host = urlsplit(url).netloc
    partitions = LOADER.load_data("endpoints")["partitions"]
    return {"version": 3, "partitions": [_partition(each, host) for each in partitions]}


def _partition(known: dict[str, Any], host: str) -> dict[str, Any]:
    services = {name: _service(service) for name, service in known["services"].items()}
    s3 = services.setdefault("s3", {"endpoints": {}})
    s3["defaults"] = {
        "hostname": host + S3_PATH,
        "protocols": ["http"],
        "signatureVersions": ["s3v4"],
    }
    return {
        **{name: known[name] for name in ("partition", "partitionName", "regionRegex", "regions")},
        "dnsSuffix": known["dnsSuffix"],
        "defaults": {"hostname": host, "protocols": ["http"], "signatureVersions": ["v4"]},
        "services": services,
    }


def _service(known: dict[str, Any]) -> dict[str, Any]:
    """Which regions it has, and which it is signed for; no address."""
    found = {name: known[name] for name in _KEPT if name in known}
    if versions := known.get("defaults", {}).get("signatureVersions"):
        found["defaults"] = {"signatureVersions": versions}
    found["endpoints"] = {
        region: {"credentialScope": each["credentialScope"]} if "credentialScope" in each else {}
        for region, each in known.get("endpoints", {}).items()
        if not each.get("deprecated")
    }
    return found


def on_path(path: str) -> str:
    """A request's path without `S3_PATH`."""
    if path == S3_PATH:
        return "/"
    return path.removeprefix(S3_PATH) if path.startswith(f"{S3_PATH}/") else path


def data_path(own: str, folder: str) -> str:
    """A value of AWS_DATA_PATH with `folder` in it once, behind what is the user's.

    `own` is the value that there is. Of two files of one name botocore takes the first, and it
    would take one of `OWN_MODELS` only if AWS_DATA_PATH had none.
    """
    listed = [each for each in own.split(os.pathsep) if each not in {"", folder, OWN_MODELS}]
    return os.pathsep.join([*listed, OWN_MODELS, folder])
