"""What the SageMaker SDK's local mode takes and SageMaker doesn't: local types, files' URLs.

Requests that have it are made such as SageMaker takes, before botocore looks at them. So it holds
for whatever is made with a session's boto3 session, by the SDK's v2 or v3.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3
    from botocore.model import OperationModel

INSTANCE_TYPES = {"local": "ml.m5.4xlarge", "local_gpu": "ml.g5.4xlarge"}
"""What they stand for: 16 processors and 64 GiB, which bind where the machine has more, and one
GPU."""

ROLE = "arn:aws:iam::123456789012:role/harness"
"""Of what is given none: local mode has none."""

SCHEME = "file://"

_INPUTS = {"S3Uri", "ModelDataUrl"}
_OUTPUTS = {"S3OutputPath", "S3Uri"}
_OUTPUT_STRUCTURES = {"OutputDataConfig", "TransformOutput", "S3Output", "CheckpointConfig"}


class LocalMode:
    """Makes the requests of a boto3 session's clients such as SageMaker takes.

    Made before the clients are. `bucket` is where files are uploaded to.
    """

    def __init__(self, boto: boto3.Session, bucket: str) -> None:
        self._boto = boto
        self._bucket = bucket
        events: Any = boto.events  # whose types know of no answer
        events.register("provide-client-params.sagemaker", self._provide)

    def _provide(
        self, params: dict[str, Any], model: OperationModel, **_: object
    ) -> dict[str, Any] | None:
        """botocore's event, whose answer is sent instead of `params`."""
        if not model.name.startswith(("Create", "Update")):
            return None
        translated: dict[str, Any] = self._translate(params, "", model.name)
        shape = model.input_shape
        needs_role = shape is not None and "RoleArn" in shape.required_members
        if needs_role and not translated.get("RoleArn") and _is_local(params):
            translated["RoleArn"] = ROLE
        return translated

    def _translate(self, value: Any, key: str, operation: str) -> Any:
        if isinstance(value, list):
            return [self._translate(each, key, operation) for each in value]
        if not isinstance(value, dict):
            return INSTANCE_TYPES.get(value, value) if key == "InstanceType" else value
        found: dict[str, Any] = {}
        for name, member in value.items():
            if name == "FileDataSource":
                found["S3DataSource"] = self._data_source(member)
            elif _is_file(member) and key in _OUTPUT_STRUCTURES and name in _OUTPUTS:
                raise ConfigError(
                    f"{operation}: {key}.{name} is {member}, and what a job writes goes to S3; "
                    "give an s3:// URL, or none, and download it from there."
                )
            elif _is_file(member) and name in _INPUTS:
                found[name] = self.upload(member)
            else:
                found[name] = self._translate(member, name, operation)
        return found

    def _data_source(self, given: dict[str, str]) -> dict[str, str]:
        """A channel's source, of one that has files of this machine."""
        kind = given.get("FileDataDistributionType", "FullyReplicated")
        return {
            "S3DataType": "S3Prefix",
            "S3Uri": self.upload(given["FileUri"]),
            "S3DataDistributionType": kind,
        }

    def uploaded(self, data: Any) -> Any:
        """What `upload` answers of a file's URL; all else as it is."""
        return self.upload(data) if _is_file(data) else data

    def upload(self, url: str) -> str:
        """Upload a file, or all that is in a folder; returns the URL of it in S3.

        Raises:
            ConfigError: there is none.
        """
        path = local_path(url)
        prefix = f"local-mode/{uuid.uuid4().hex[:12]}"
        client = self._boto.client("s3")
        if path.is_file():
            client.upload_file(str(path), self._bucket, f"{prefix}/{path.name}")
            return f"s3://{self._bucket}/{prefix}/{path.name}"
        for file in _files(path, url):
            client.upload_file(
                str(file), self._bucket, f"{prefix}/{file.relative_to(path).as_posix()}"
            )
        return f"s3://{self._bucket}/{prefix}/"


def as_path(name: str) -> str:
    """The path of a file's URL; a path as it is."""
    return str(local_path(name)) if _is_file(name) else name


def local_path(url: str) -> Path:
    """As the SDK reads it: `file://data` is a relative one."""
    parts = urlsplit(url)
    return Path(parts.netloc + parts.path)


def _files(folder: Path, url: str) -> Iterator[Path]:
    if not folder.is_dir():
        raise ConfigError(f"There is no file or folder {folder.absolute()}, which {url} names.")
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    if not files:
        raise ConfigError(f"The folder {folder.absolute()}, which {url} names, has no file in it.")
    yield from files


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(SCHEME)


def _is_local(value: Any) -> bool:
    """Whether a request asks for a local instance."""
    if isinstance(value, list):
        return any(map(_is_local, value))
    if not isinstance(value, dict):
        return False
    kind = value.get("InstanceType")
    return (isinstance(kind, str) and kind in INSTANCE_TYPES) or any(map(_is_local, value.values()))
