"""A model package: what a model is made of, and what is said of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from harness.local.core.store import Resource

if TYPE_CHECKING:
    from datetime import datetime

APPROVED, PENDING = "Approved", "PendingManualApproval"

CUT_OFF = (
    "The local AWS ended while the model package was validated, and the validation with it; "
    "create it again."
)
"""What is said of a validation that was in progress in a state that was saved."""

_SUMMED_UP = (
    "ModelPackageDescription", "ModelApprovalStatus", "ModelLifeCycle",
    "ModelPackageRegistrationType",
)  # fmt: skip
"""Those of its members that lists show."""


@dataclass
class ModelPackage(Resource):
    """A version of a model package group, or one by itself, without a version ("unversioned").

    `members` are those of its request that are shown, as they have been updated since. The store's
    lock guards it.
    """

    kind: ClassVar[str] = "model-package"
    """What ARNs call it."""

    arn: str
    members: dict[str, Any]
    created: datetime
    created_by: dict[str, Any]
    group: str = ""
    version: int = 0
    """1 and more in a group, 0 outside of any."""
    status: str = "Completed"
    validations: list[dict[str, Any]] = field(default_factory=list)
    """Its `ModelPackageStatusItem`s, one for each validation profile."""
    modified: datetime | None = None
    modified_by: dict[str, Any] | None = None
    request: dict[str, Any] = field(default_factory=dict)
    """What it was created with: a request of the same `ClientToken` is the same request again."""
    tokens: list[str] = field(default_factory=list)
    """The `ClientToken`s of its updates."""

    @property
    def name(self) -> str:
        """Its own, or its group's with its version: `gam`, `gam/3`."""
        if self.version:
            return f"{self.group}/{self.version}"
        return str(self.members["ModelPackageName"])

    @property
    def approval(self) -> str | None:
        """Whether a version may be deployed. Outside of groups it is only shown, if it is given."""
        return self.members.get("ModelApprovalStatus")

    def specification(self, name: str | None = None) -> dict[str, Any] | None:
        """Its inference specification, or the additional one of this name; None without one."""
        if name is None:
            return self.members.get("InferenceSpecification")
        additional = self.members.get("AdditionalInferenceSpecifications") or []
        return next((each for each in additional if each["Name"] == name), None)

    def describe(self) -> dict[str, Any]:
        """The answer of DescribeModelPackage. (As on AWS, a version has no `ModelPackageName`.)"""
        return {
            "CertifyForMarketplace": False,
            **self.members,
            **self._place(),
            "CreationTime": self.created,
            "CreatedBy": self.created_by,
            "LastModifiedTime": self.modified,
            "LastModifiedBy": self.modified_by,
            "ModelPackageStatus": self.status,
            "ModelPackageStatusDetails": {
                "ValidationStatuses": [dict(each) for each in self.validations],
                "ImageScanStatuses": [],
            },
        }

    def summary(self) -> dict[str, Any]:
        """What lists show of it."""
        return {
            **self._place(),
            **{name: self.members[name] for name in _SUMMED_UP if name in self.members},
            "CreationTime": self.created,
            "ModelPackageStatus": self.status,
        }

    def _place(self) -> dict[str, Any]:
        named = (
            {"ModelPackageGroupName": self.group, "ModelPackageVersion": self.version}
            if self.version
            else {"ModelPackageName": self.members["ModelPackageName"]}
        )
        return {**named, "ModelPackageArn": self.arn}

    def saved(self) -> dict[str, Any]:
        """What there is to be known of it."""
        return dataclasses.asdict(self)

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> ModelPackage:
        """One that was saved. If it was being validated then, that has failed."""
        package = cls(**saved)
        if package.status in ("Pending", "InProgress"):
            package.status = "Failed"
            for each in package.validations:
                if each["Status"] != "Completed":
                    each |= {"Status": "Failed", "FailureReason": CUT_OFF}
        return package
