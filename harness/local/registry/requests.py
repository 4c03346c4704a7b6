"""What requests for model packages must be, beyond AWS's service model."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.local.registry.package import ModelPackage

MAX_SPECIFICATIONS = 15
"""Additional inference specifications of a package (UpdateModelPackage in the API reference)."""

MAX_METADATA = 50
"""Customer metadata properties of a package (the service model's most of one request)."""

_INSTANCES = ("SupportedTransformInstanceTypes", "SupportedRealtimeInferenceInstanceTypes")
"""What an unversioned package must have (InferenceSpecification in the API reference)."""


def check(request: Mapping[str, Any]) -> None:
    """Raises `ValidationException` for a CreateModelPackage that AWS refuses, or isn't run."""
    if "ModelPackageName" in request and "ModelPackageGroupName" in request:
        raise _refusal(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot "
            "determine which one to use."
        )
    if "ModelPackageName" not in request and "ModelPackageGroupName" not in request:
        raise _refusal("Missing ARN.")
    for words in _faults(request):
        raise _refusal(words)
    check_specifications(request)
    check_card(request.get("ModelCard"))


def _faults(request: Mapping[str, Any]) -> Iterator[str]:
    is_versioned = "ModelPackageGroupName" in request
    specification = request.get("InferenceSpecification")
    if specification and "SourceUri" in request:
        yield "SourceUri and InferenceSpecification can't be given together; give one of them."
    if not specification and "SourceUri" not in request:
        yield "InferenceSpecification must be given, or with a model package group a SourceUri."
    if is_versioned and request.get("Tags"):
        yield (
            "Tags can't be given with ModelPackageGroupName: a version has the tags of its model "
            "package group."
        )
    if not is_versioned:
        yield from _unversioned_faults(request)
    profiles = request.get("ValidationSpecification", {}).get("ValidationProfiles") or []
    if profiles and not specification:
        yield "ValidationSpecification: there is no InferenceSpecification to validate."
    if profiles and specification and len(specification["Containers"]) > 1:
        yield (
            "ValidationSpecification: the local AWS runs models of one container; inference "
            "pipelines run on AWS only."
        )


def _unversioned_faults(request: Mapping[str, Any]) -> Iterator[str]:
    specification = request.get("InferenceSpecification") or {}
    if "SourceUri" in request:
        yield "SourceUri can be given only with ModelPackageGroupName."
    for name in _INSTANCES:
        if not specification.get(name):
            yield f"InferenceSpecification.{name} must be given for an unversioned model package."
    for each in specification.get("Containers", []):
        if each.get("Environment"):
            yield (
                "1 validation errors detected:Environment variable map cannot be specified when "
                "using non-versioned ModelPackages"
            )
        if "ModelDataSource" in each:
            yield "ModelDataSource can be given only with ModelPackageGroupName; give ModelDataUrl."


def check_specifications(request: Mapping[str, Any]) -> None:
    """Refuse containers that no model could be made of."""
    specifications = [
        request.get("InferenceSpecification") or {},
        *(request.get("AdditionalInferenceSpecifications") or []),
        *(request.get("AdditionalInferenceSpecificationsToAdd") or []),
    ]
    for container in (each for some in specifications for each in some.get("Containers", [])):
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            raise _refusal(
                "ModelDataUrl and ModelDataSource are mutually exclusive; give only one of them."
            )
    check_names(request.get("AdditionalInferenceSpecifications") or [])


def check_names(specifications: Iterable[Mapping[str, Any]]) -> None:
    """Refuse too many additional inference specifications, or two of one name."""
    names = Counter(each["Name"] for each in specifications)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise _refusal(
            f"AdditionalInferenceSpecifications: names must be unique; {twice[0]} is there twice."
        )
    if len(names) > MAX_SPECIFICATIONS:
        raise _refusal(
            f"AdditionalInferenceSpecifications: a model package can have {MAX_SPECIFICATIONS} at "
            f"most, not {len(names)}."
        )


def check_card(card: Mapping[str, Any] | None) -> None:
    """Refuse a model card that is no JSON object, in which form SDKs read it."""
    if card is None or "ModelCardContent" not in card:
        return
    try:
        content = json.loads(card["ModelCardContent"])
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _refusal("ModelCard.ModelCardContent: it is no JSON object.")


def check_update(package: ModelPackage, request: Mapping[str, Any]) -> None:
    """Raises `ValidationException` for an UpdateModelPackage that AWS refuses."""
    if "ModelApprovalStatus" in request and not package.version:
        raise _refusal(
            f"ModelPackage {package.arn} is in no model package group; only versions are approved."
        )
    if "InferenceSpecification" in request and "SourceUri" in request:
        raise _refusal(
            "SourceUri and InferenceSpecification can't be given together; give one of them."
        )
    check_specifications(request)
    check_card(request.get("ModelCard"))


def _refusal(text: str) -> AwsError:
    return AwsError("ValidationException", text)
