"""The lineage group that an account has from the beginning; there are no others, nor can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.lineage.entity import group_arn, listed
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from harness.local.protocol.messages import RequestContext


class LineageGroups:
    """DescribeLineageGroup and ListLineageGroups."""

    def __init__(self) -> None:
        self._created = datetime.now(UTC)

    def describe_lineage_group(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        group, name = self._group(context), request["LineageGroupName"]
        if name != group["LineageGroupName"]:
            arn = context.arn(f"lineage-group/{name}")
            raise AwsError("ResourceNotFound", f"Lineage group '{arn}' does not exist.")
        return group

    def list_lineage_groups(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        group = self._group(context)
        return listed(
            [(group["LineageGroupArn"], group)],
            request,
            member="LineageGroupSummaries",
            name="LineageGroupName",
        )

    def _group(self, context: RequestContext) -> dict[str, Any]:
        arn = group_arn(context)
        name = arn.rpartition("/")[2]
        return {
            "LineageGroupName": name,
            "LineageGroupArn": arn,
            "DisplayName": name,
            "CreationTime": self._created,
            "LastModifiedTime": self._created,
        }
