"""Tags as the tagging API (resourcegroupstaggingapi) sees them: those of our resources are ours."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from harness.local.moto.ours import view

if TYPE_CHECKING:
    from collections.abc import Iterator


@functools.cache
def prepare() -> None:
    """Let moto's SageMaker show the tagging API ours: it keeps nothing itself."""
    from moto.sagemaker.models import SageMakerModelBackend

    class_: Any = SageMakerModelBackend
    tag, untag = class_.tag_resource, class_.untag_resource

    def iter_tagged_resources(self: Any) -> Iterator[Any]:
        if (ours := view.current()) is not None:
            yield from _tagged(ours, self.account_id, self.region_name)

    def tag_resource(self: Any, arn: str, tags: dict[str, str]) -> None:
        ours = view.current()
        if ours is None:
            tag(self, arn, tags)
            return
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        request = {"ResourceArn": arn, "Tags": listed}
        ours.call("AddTags", request, self.account_id, self.region_name)

    def untag_resource(self: Any, arn: str, tag_keys: list[str]) -> None:
        ours = view.current()
        if ours is None:
            untag(self, arn, tag_keys)
            return
        request = {"ResourceArn": arn, "TagKeys": tag_keys}
        ours.call("DeleteTags", request, self.account_id, self.region_name)

    class_.iter_tagged_resources = iter_tagged_resources
    class_.tag_resource = tag_resource
    class_.untag_resource = untag_resource


def touch(account_id: str, region: str) -> None:
    """Let moto have a SageMaker for an account and region: the tagging API asks no other."""
    from moto.sagemaker.models import sagemaker_backends

    sagemaker_backends[account_id][region]


def _tagged(ours: view.View, account_id: str, region: str) -> Iterator[Any]:
    from moto.core.resource_tagging import TaggedResource

    for arn, tags in ours.tagged(account_id, region):
        kind = arn.split(":", 5)[-1].partition("/")[0]
        yield TaggedResource(arn=arn, tags=dict(tags), resource_type=f"sagemaker:{kind}")
