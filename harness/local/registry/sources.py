"""A model package out of its `SourceUri`: a model, or another package that it is a clone of."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from harness.local.core.store import kind_of
from harness.local.protocol.errors import AwsError
from harness.local.registry.package import ModelPackage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.store import Store

CONTAINER = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment",
             "AdditionalModelDataSources")  # fmt: skip
"""What a container of a package and one of a model have in common."""

_NOT_CLONED = frozenset({
    "ModelPackageName", "ModelPackageGroupName", "ModelApprovalStatus", "ApprovalDescription",
    "SourceUri", "ValidationSpecification",
})  # fmt: skip


def taken(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with what it takes over from its `SourceUri`, if that is an ARN of either kind.

    Raises `ValidationException` if there is no such resource.
    """
    uri = request.get("SourceUri", "")
    if not uri.startswith("arn:"):
        return dict(request)
    kind, source = kind_of(uri), store.get(uri)
    if kind not in ("model", ModelPackage.kind):
        return dict(request)
    if source is None:
        raise AwsError("ValidationException", f'SourceUri: could not find "{uri}".')
    if isinstance(source, ModelPackage):
        cloned = {k: v for k, v in source.members.items() if k not in _NOT_CLONED}
        return {**copy.deepcopy(cloned), **request}
    model: Any = source  # of the layer above this one
    container = {name: model.container[name] for name in CONTAINER if name in model.container}
    return {**request, "InferenceSpecification": {"Containers": [copy.deepcopy(container)]}}
