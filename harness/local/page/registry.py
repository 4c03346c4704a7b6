"""What the page shows and does of the model registry: versions, approvals and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.page.parts.kinds import KINDS, tone, url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from harness.local.page.parts.asked import Local

GROUP, PACKAGE = "ModelPackageGroup", "ModelPackage"

SHOWN = 100
"""Versions of a group, the latest."""

APPROVALS = {"Approve": "Approved", "Reject": "Rejected"}
"""What a button says, and the approval status that a version has then."""

TEXTS = {
    "Approve": "Models can be made of it then, and deployed.",
    "Reject": "No model can be made of it then; those that there are stay.",
}

_TONES = {"Approved": "good", "Rejected": "bad"}


@dataclass(frozen=True)
class Version:
    """A version of a group, as its page lists it."""

    name: str
    url: str
    status: str
    approval: str
    description: str
    created: datetime

    @property
    def tone(self) -> str:
        return tone(self.status)

    @property
    def approval_tone(self) -> str:
        return _TONES.get(self.approval, "busy")


def versions(local: Local, region: str, group: str) -> Sequence[Version]:
    """The latest of a group, that first."""
    asked = {"ModelPackageGroupName": group, "SortOrder": "Descending", "MaxResults": SHOWN}
    answer = local.call("ListModelPackages", region, asked) or {}
    return [_version(each, region) for each in answer.get("ModelPackageSummaryList", [])]


def _version(summary: dict[str, Any], region: str) -> Version:
    name = KINDS[PACKAGE].name_of(summary)
    return Version(
        name,
        url(PACKAGE, name, region),
        summary["ModelPackageStatus"],
        summary.get("ModelApprovalStatus", ""),
        summary.get("ModelPackageDescription", ""),
        summary["CreationTime"],
    )


def approvals(found: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The buttons of a package, and what UpdateModelPackage is asked by each."""
    if "ModelPackageVersion" not in found:  # nothing else is approved
        return
    for verb, status in APPROVALS.items():
        if found.get("ModelApprovalStatus") != status:
            yield verb, approval(found["ModelPackageArn"], verb)


def approval(arn: str, verb: str) -> dict[str, str]:
    """What UpdateModelPackage is asked by a button."""
    return {"ModelPackageArn": arn, "ModelApprovalStatus": APPROVALS[verb]}


def package_of(model: Mapping[str, Any]) -> str:
    """The name of the package that a model is made of; empty if it is of none."""
    named = [each["ModelPackageName"] for each in _containers(model) if "ModelPackageName" in each]
    return named[0].partition(":model-package/")[2] or named[0] if named else ""


def models_of(package: str, models: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The names of the models that are made of a package."""
    for each in models:
        if package_of(each) == package:
            yield each["ModelName"]


def _containers(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [model.get("PrimaryContainer") or {}, *(model.get("Containers") or [])]


def facts(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What there is to know of a package at a glance, with its label."""
    container = first_container(found)
    return [
        ("Approval", found.get("ModelApprovalStatus")),
        ("Why", found.get("ApprovalDescription")),
        ("Description", found.get("ModelPackageDescription")
         or found.get("ModelPackageGroupDescription")),
        ("Image", container.get("Image")),
        ("Source", found.get("SourceUri")),
    ]  # fmt: skip


def first_container(found: Mapping[str, Any]) -> dict[str, Any]:
    """That of a package's inference specification; empty for what isn't a package."""
    containers = found.get("InferenceSpecification", {}).get("Containers") or [{}]
    return dict(containers[0])
