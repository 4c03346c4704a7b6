"""What a model gets from the model package that its container names."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.core.images import Name
from harness.local.protocol.errors import AwsError
from harness.local.protocol.members import REFUSED, Members
from harness.local.registry.groups import find
from harness.local.registry.package import APPROVED, ModelPackage
from harness.local.registry.sources import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.store import Store, Table
    from harness.local.protocol.messages import RequestContext

_OF_AN_IMAGE = ("Image", "ModelDataUrl", "ModelDataSource", "AdditionalModelDataSources")


def container(
    store: Store, context: RequestContext, asked: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What the package says that a `ContainerDefinition` names; None if it names none.

    Raises `ValidationException` if no model can be made of it.
    """
    name, specification = asked.get("ModelPackageName"), asked.get("InferenceSpecificationName")
    if name is None:
        if specification is not None:
            raise _refusal(
                "InferenceSpecificationName can be given only with the ModelPackageName whose "
                "specification it is."
            )
        return None
    if any(asked.get(each) for each in _OF_AN_IMAGE):
        raise _refusal(
            "Specify one of either Image and Model Data URL or ModelPackageName in container "
            "definition."
        )
    with store.lock:
        return definition(_deployable(store, context, name), specification)


def _deployable(store: Store, context: RequestContext, name: str) -> ModelPackage:
    """The package of that name or ARN. A version must be approved.

    ("For versioned models, the value of this parameter must be set to Approved to deploy the
    model", says AWS's API reference of `ModelApprovalStatus`; in which words it is refused, not.)
    """
    table: Table[ModelPackage] = store.table(ModelPackage.kind)
    arn, package = find(table, context, name)
    if package is None:
        raise _refusal(f"ModelPackage {arn} does not exist.")
    if package.status != "Completed":
        raise _refusal(
            f"ModelPackage {arn} is in status {package.status}; a model can be made of one that is "
            "Completed."
        )
    if package.version and package.approval != APPROVED:
        raise _refusal(
            f"ModelPackage {arn} is not approved: its ModelApprovalStatus is {package.approval}, "
            f"and must be {APPROVED} to deploy it."
        )
    return package


def definition(package: ModelPackage, specification: str | None = None) -> dict[str, Any]:
    """The one container of a package's inference specification, as a model has it.

    Raises `ValidationException` if there is none, or it isn't run locally.
    """
    found = package.specification(specification)
    if found is None:
        what = f"specification named {specification}" if specification else "specification"
        raise _refusal(f"ModelPackage {package.arn} has no inference {what}.")
    if len(found["Containers"]) > 1:
        raise _refusal(
            f"ModelPackage {package.arn} has {len(found['Containers'])} containers: the local AWS "
            "runs models of one container; inference pipelines run on AWS only."
        )
    described = found["Containers"][0]
    model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"))
    shape = model.shape_for("ModelPackageContainerDefinition")
    Members.beside([package]).refuse(shape, described, f"{REFUSED} by CreateModel")
    if not described.get("Image"):
        raise _refusal(f"ModelPackage {package.arn} has no Image to run.")
    taken = {name: copy.deepcopy(described[name]) for name in CONTAINER if name in described}
    return {**taken, "Image": _pinned(described)}


def _pinned(described: Mapping[str, Any]) -> str:
    """The image by its digest, if one is given beside it."""
    image, digest = str(described["Image"]), described.get("ImageDigest")
    if not digest or Name.parse(image).digest:
        return image
    name = Name.parse(image)
    place = f"{name.host}/{name.repository}" if name.host else name.repository
    return f"{place}@{digest.lower()}"


def _refusal(text: str) -> AwsError:
    return AwsError("ValidationException", text)
