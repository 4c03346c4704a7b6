"""A model: an image, its environment, and where its artifacts are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.local.core.store import Resource
from harness.local.data import s3_objects

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_s3 import S3Client


@dataclass(frozen=True)
class Model(Resource):
    arn: str
    request: dict[str, Any]
    created: datetime
    packaged: dict[str, Any] = field(default_factory=dict)
    """What its container has of a model package, as it was when the model was created."""

    @property
    def name(self) -> str:
        return str(self.request["ModelName"])

    def saved(self) -> dict[str, Any]:
        """What there is to be known of it."""
        return dataclasses.asdict(self)

    @property
    def container(self) -> dict[str, Any]:
        """The one container, with what it has of a model package."""
        asked = asked_container(self.request)
        if not self.packaged:
            return dict(asked)
        environment = {**self.packaged.get("Environment", {}), **asked.get("Environment", {})}
        return {**self.packaged, **asked, "Environment": environment}

    @property
    def data_source(self) -> dict[str, Any]:
        """Where the model's files are, as an `S3ModelDataSource`; empty if it has none."""
        url = self.container.get("ModelDataUrl")
        if url:
            return {"S3Uri": url, "S3DataType": "S3Object", "CompressionType": "Gzip"}
        return dict(self.container.get("ModelDataSource", {}).get("S3DataSource", {}))

    @property
    def additional(self) -> dict[str, dict[str, Any]]:
        """The `S3ModelDataSource`s of the `AdditionalModelDataSources`, by channel."""
        sources = self.container.get("AdditionalModelDataSources") or []
        return {each["ChannelName"]: dict(each["S3DataSource"]) for each in sources}

    @property
    def isolated(self) -> bool:
        return bool(self.request.get("EnableNetworkIsolation"))


def asked_container(request: dict[str, Any]) -> dict[str, Any]:
    """The one that is asked for: `PrimaryContainer`, or the only one of `Containers`."""
    primary: dict[str, Any] = request.get("PrimaryContainer") or request["Containers"][0]
    return primary


def objects(client: S3Client, source: dict[str, Any]) -> list[s3_objects.Object]:
    """The objects of an `S3ModelDataSource`: those below an `S3Prefix`, or the one `S3Object`.

    Raises as `s3_objects.objects` does.
    """
    found = s3_objects.objects(client, source["S3Uri"])
    if source["S3DataType"] == "S3Object":
        _, key = s3_objects.split(source["S3Uri"])
        found = [each for each in found if each.key == key]
    return found
