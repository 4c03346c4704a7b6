"""The operations on model packages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from harness.local.protocol.errors import AwsError
from harness.local.protocol.paging import page
from harness.local.registry import cards, requests, sources
from harness.local.registry.callers import caller
from harness.local.registry.group import ModelPackageGroup
from harness.local.registry.groups import find
from harness.local.registry.package import PENDING, ModelPackage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.protocol.messages import RequestContext

_NOT_SHOWN = ("Tags", "ClientToken", "ModelPackageGroupName")

_REPLACED = ("ModelApprovalStatus", "ApprovalDescription", "ModelPackageRegistrationType",
             "InferenceSpecification", "SourceUri", "ModelLifeCycle")  # fmt: skip
"""What an update says instead of what was there."""

_TOKENS = 100
"""Updates of a package, the latest, whose tokens are known."""


class Validation(Protocol):
    """Tries model packages out, by transform jobs."""

    def check(self, request: Mapping[str, Any]) -> None:
        """Raises `ValidationException` if a `ValidationSpecification` can't be run."""

    def begin(self, context: RequestContext, package: ModelPackage) -> None:
        """Validate a package, which is Pending, in the background."""


class ModelPackages:
    """Create-, Describe-, Update-, Delete- and ListModelPackage(s), BatchDescribeModelPackage."""

    def __init__(self, backend: Backend, validation: Validation) -> None:
        self._store = backend.store
        self._validation = validation
        self._table: Table[ModelPackage] = backend.store.table(ModelPackage.kind)
        self._groups: Table[ModelPackageGroup] = backend.store.table(ModelPackageGroup.kind)

    def saved(self) -> list[dict[str, Any]]:
        """All packages, for `restore`."""
        with self._store.lock:
            saved = self._table.saved()
            return [{"package": each.saved(), "tags": tags} for each, tags in saved]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        for each in saved:
            self._table.restore(ModelPackage.restored(each["package"]), each["tags"])

    def create_model_package(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        requests.check(request)
        with self._store.lock:
            again = self._again(context, request)
            if again is not None:
                return {"ModelPackageArn": again.arn}
            whole = sources.taken(self._store, request)
        self._validation.check(whole)
        with self._store.lock:
            # The same request may have come again meanwhile.
            package = self._again(context, request) or self._made(context, request, whole)
            if package.arn in self._table:
                return {"ModelPackageArn": package.arn}
            self._table.add(package, request.get("Tags"))
        if package.status == "Pending":
            self._validation.begin(context, package)
        return {"ModelPackageArn": package.arn}

    def _again(self, context: RequestContext, request: dict[str, Any]) -> ModelPackage | None:
        """What the same request has made before, by its token."""
        token = request.get("ClientToken")
        if token is None:
            return None
        for each in self._table.of(context):
            if each.request.get("ClientToken") == token:
                if each.request != request:
                    raise AwsError(
                        "ConflictException",
                        f"ClientToken {token} was given with another request, which made "
                        f"{each.arn}.",
                    )
                return each
        return None

    def _made(
        self, context: RequestContext, request: dict[str, Any], whole: Mapping[str, Any]
    ) -> ModelPackage:
        """A package of a request, with what its source adds to it."""
        members = {name: value for name, value in whole.items() if name not in _NOT_SHOWN}
        group, version = "", 0
        if "ModelPackageGroupName" in request:
            _, found = find(self._groups, context, request["ModelPackageGroupName"])
            if found is None:
                raise AwsError("ValidationException", "Model Package Group does not exist.")
            found.latest += 1
            group, version = found.name, found.latest
            members.setdefault("ModelApprovalStatus", PENDING)
        name = f"{group}/{version}" if version else request["ModelPackageName"]
        arn = self._table.arn(context, name)
        if arn in self._table:
            raise AwsError("ValidationException", f"Model Package already exists: {arn}")
        package = ModelPackage(
            arn, members, datetime.now(UTC), caller(context), group, version, request=request
        )
        profiles = members.get("ValidationSpecification", {}).get("ValidationProfiles") or []
        package.validations = [
            {"Name": each["ProfileName"], "Status": "NotStarted"} for each in profiles
        ]
        if profiles and members.get("SkipModelValidation") != "All":
            package.status = "Pending"
        return package

    def describe_model_package(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            found = self._find(context, request["ModelPackageName"]).describe()
        if request.get("IncludedData") == "MetadataOnly" and "ModelCard" in found:
            found["ModelCard"] = cards.sanitised(found["ModelCard"])
        return found

    def batch_describe_model_package(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        found, errors = {}, {}
        for arn in request["ModelPackageArnList"]:
            try:
                package = self._version(context, arn)
            except AwsError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
            else:
                specification = {"InferenceSpecification": package.specification()}
                found[arn] = {**package.summary(), **specification}
        return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}

    def list_model_packages(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        group = request.get("ModelPackageGroupName")
        if group is not None:
            arn, _ = find(self._groups, context, group)
            group = arn.replace(":model-package-group/", ":model-package/")
        wanted = request.get("ModelPackageType", "Versioned" if group else "Unversioned")
        approval = request.get("ModelApprovalStatus")
        contained = request.get("NameContains", "").lower()
        with self._store.lock:
            summaries = [
                # Versions have no name of their own; they are in order, and found, by this one.
                {**each.summary(), "ModelPackageName": _place(each)}
                for each in self._table.of(context)
                if wanted in ("Both", "Versioned" if each.version else "Unversioned")
                and (group is None or each.arn.rpartition("/")[0] == group)
                and approval in (None, each.approval)
                and contained in _place(each).partition("/")[0].lower()
            ]
        response = page(
            summaries,
            request,
            member="ModelPackageSummaryList",
            noun="ModelPackage",
            descending=False,
        )
        for each in response["ModelPackageSummaryList"]:
            if "ModelPackageVersion" in each:
                del each["ModelPackageName"]
        return response

    def update_model_package(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            package = self._find(context, request["ModelPackageArn"])
            token = request.get("ClientToken")
            if token is None or token not in package.tokens:
                requests.check_update(package, request)
                _update(package, request)
                package.modified, package.modified_by = datetime.now(UTC), caller(context)
                package.tokens = [*package.tokens, *([token] if token else [])][-_TOKENS:]
        return {"ModelPackageArn": package.arn}

    def delete_model_package(self, context: RequestContext, request: dict[str, Any]) -> None:
        with self._store.lock:
            package = self._find(context, request["ModelPackageName"])
            if package.status in ("Pending", "InProgress"):
                raise AwsError(
                    "ConflictException",
                    f"ModelPackage {package.arn} is in status {package.status}; only one that is "
                    "Completed or Failed can be deleted.",
                )
            self._table.remove(package)

    def _version(self, context: RequestContext, arn: str) -> ModelPackage:
        package = self._find(context, arn)
        if not package.version:
            raise AwsError(
                "ValidationException",
                f"ModelPackage {arn} is in no model package group; describe it with "
                "DescribeModelPackage.",
            )
        return package

    def _find(self, context: RequestContext, name: str) -> ModelPackage:
        """By its ARN, its name, or its group's name and its version."""
        arn, package = find(self._table, context, name)
        if package is None:
            raise AwsError("ValidationException", f"ModelPackage {arn} does not exist.")
        return package


def _place(package: ModelPackage) -> str:
    """Where it is by name: `gam/000000012` is behind `gam/000000003`."""
    if package.version:
        return f"{package.group}/{package.version:09}"
    return package.name


def _update(package: ModelPackage, request: Mapping[str, Any]) -> None:
    """Let a package be as an UpdateModelPackage says."""
    members = {**package.members, **{k: request[k] for k in _REPLACED if k in request}}
    if "ModelCard" in request:
        members["ModelCard"] = {**members.get("ModelCard", {}), **request["ModelCard"]}
    metadata = {
        **members.get("CustomerMetadataProperties", {}),
        **request.get("CustomerMetadataProperties", {}),
    }
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        metadata.pop(key, None)
    if len(metadata) > requests.MAX_METADATA:
        raise AwsError(
            "ValidationException",
            f"CustomerMetadataProperties: a model package can have {requests.MAX_METADATA} at "
            f"most, not {len(metadata)}.",
        )
    members["CustomerMetadataProperties"] = metadata
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    if added:
        both = [*members.get("AdditionalInferenceSpecifications", []), *added]
        requests.check_names(both)
        members["AdditionalInferenceSpecifications"] = both
    package.members = {k: v for k, v in members.items() if v != {}}
