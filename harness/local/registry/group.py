"""A model package group: the versions of a model, under one name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.local.core.store import Resource

if TYPE_CHECKING:
    from datetime import datetime


@dataclass
class ModelPackageGroup(Resource):
    """`latest` is the last version that was given out: none is given out twice."""

    kind: ClassVar[str] = "model-package-group"
    """What ARNs call it."""

    arn: str
    request: dict[str, Any]
    created: datetime
    created_by: dict[str, Any]
    latest: int = 0
    policy: str | None = None

    @property
    def name(self) -> str:
        return str(self.request["ModelPackageGroupName"])

    def describe(self) -> dict[str, Any]:
        """The answer of DescribeModelPackageGroup."""
        return {**self.summary(), "CreatedBy": self.created_by}

    def summary(self) -> dict[str, Any]:
        """What lists show of it."""
        return {
            "ModelPackageGroupName": self.name,
            "ModelPackageGroupArn": self.arn,
            "ModelPackageGroupDescription": self.request.get("ModelPackageGroupDescription"),
            "CreationTime": self.created,
            "ModelPackageGroupStatus": "Completed",
        }

    def saved(self) -> dict[str, Any]:
        """What there is to be known of it."""
        return dataclasses.asdict(self)
