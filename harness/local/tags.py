"""Tags of the resources that the local AWS keeps itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.protocol import AwsError, LeaveToMoto

if TYPE_CHECKING:
    from harness.local.backend import Backend
    from harness.local.protocol import RequestContext
    from harness.local.store import Store

MAX_TAGS = 50
"""Tags a resource can have (AWS's general limit)."""

OURS = {
    "endpoint",
    "endpoint-config",
    "model",
    "processing-job",
    "training-job",
    "transform-job",
}
"""What moto keeps none of, as the resource is called in its ARN."""

INTERRUPT = "harness:interrupt"
"""The tag that interrupts a job of managed spot training when it is added, with any value."""


def attach(store: Store, arn: str, request: dict[str, Any]) -> None:
    """Keep the tags that came with a Create request."""
    store.tags[arn] = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}


class Tags:
    """AddTags, ListTags, DeleteTags; what moto keeps, moto tags."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    def _of(self, arn: str) -> dict[str, str]:
        if self._store.owns(arn):
            return self._store.tags.setdefault(arn, {})
        kind = arn.split(":", 5)[-1].partition("/")[0]
        if kind in OURS:  # and gone, about which moto would stumble
            raise AwsError("ValidationException", f'Could not find resource "{arn}".')
        raise LeaveToMoto

    def add_tags(self, _: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            tags = self._of(request["ResourceArn"])
            added = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            if len(tags | added) > MAX_TAGS:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"{request['ResourceArn']} can have {MAX_TAGS} tags at most.",
                )
            tags.update(added)
            job = self._store.training_jobs.get(request["ResourceArn"])
            if job is not None and INTERRUPT in added:
                job.interrupt()
            return {"Tags": _listed(tags)}

    def list_tags(self, _: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return {"Tags": _listed(self._of(request["ResourceArn"]))}

    def delete_tags(self, _: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            tags = self._of(request["ResourceArn"])
            for key in request["TagKeys"]:
                tags.pop(key, None)
            return {}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
