"""Tags of the resources that the local AWS keeps itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Resource
    from harness.local.protocol.messages import RequestContext

MAX_TAGS = 50
"""Tags a resource can have (AWS's general limit)."""


class Tags:
    """AddTags, ListTags, DeleteTags."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    def _find(self, arn: str) -> tuple[Resource, dict[str, str]]:
        """The resource of this ARN, and its tags."""
        resource = self._store.get(arn)
        if resource is None:
            raise AwsError("ValidationException", f'Could not find resource "{arn}".')
        return resource, self._store.tags[arn]

    def add_tags(self, _: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            resource, tags = self._find(request["ResourceArn"])
            added = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            if len(tags | added) > MAX_TAGS:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"{request['ResourceArn']} can have {MAX_TAGS} tags at most.",
                )
            tags.update(added)
            resource.on_tags(added)
            return {"Tags": _listed(tags)}

    def list_tags(self, _: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            _resource, tags = self._find(request["ResourceArn"])
            return {"Tags": _listed(tags)}

    def delete_tags(self, _: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            _resource, tags = self._find(request["ResourceArn"])
            for key in request["TagKeys"]:
                tags.pop(key, None)
            return {}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
