"""The operations on model package groups."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from harness.local.core.store import Resource
from harness.local.protocol.errors import AwsError
from harness.local.protocol.paging import page
from harness.local.registry.callers import caller
from harness.local.registry.group import ModelPackageGroup
from harness.local.registry.package import ModelPackage

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.protocol.messages import RequestContext

R = TypeVar("R", bound=Resource)


class ModelPackageGroups:
    """Create-, Describe-, List- and DeleteModelPackageGroup, and the three on its policy."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store
        self._table: Table[ModelPackageGroup] = backend.store.table(ModelPackageGroup.kind)
        self._packages: Table[ModelPackage] = backend.store.table(ModelPackage.kind)

    def saved(self) -> list[dict[str, Any]]:
        """All groups, for `restore`."""
        return [{"group": each.saved(), "tags": tags} for each, tags in self._table.saved()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        for each in saved:
            self._table.restore(ModelPackageGroup(**each["group"]), each["tags"])

    def create_model_package_group(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        arn = self._table.arn(context, request["ModelPackageGroupName"])
        with self._store.lock:
            if arn in self._table:
                raise AwsError("ValidationException", f"Model Package Group already exists: {arn}")
            group = ModelPackageGroup(arn, request, datetime.now(UTC), caller(context))
            self._table.add(group, request.get("Tags"))
        return {"ModelPackageGroupArn": arn}

    def describe_model_package_group(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request).describe()

    def list_model_package_groups(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        # What other accounts share isn't here: no other one is.
        is_own = request.get("CrossAccountFilterOption") != "CrossAccount"
        return page(
            [each.summary() for each in self._table.of(context)] if is_own else [],
            request,
            member="ModelPackageGroupSummaryList",
            noun="ModelPackageGroup",
            descending=False,
        )

    def delete_model_package_group(self, context: RequestContext, request: dict[str, Any]) -> None:
        with self._store.lock:
            group = self._find(context, request)
            left = sum(each.group == group.name for each in self._packages.of(context))
            if left:
                raise AwsError(
                    "ConflictException",
                    f"Model Package Group {group.arn} cannot be deleted because it still contains "
                    f"{left} model package{'s' if left > 1 else ''}; delete "
                    f"{'them' if left > 1 else 'it'} first.",
                )
            self._table.remove(group)

    def put_model_package_group_policy(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        group = self._with_policy(context, request)
        _check_policy(request["ResourcePolicy"])
        group.policy = request["ResourcePolicy"]
        return {"ModelPackageGroupArn": group.arn}

    def get_model_package_group_policy(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        group = self._with_policy(context, request)
        _require_policy(group)
        return {"ResourcePolicy": group.policy}

    def delete_model_package_group_policy(
        self, context: RequestContext, request: dict[str, Any]
    ) -> None:
        group = self._with_policy(context, request)
        _require_policy(group)
        group.policy = None

    def _find(self, context: RequestContext, request: dict[str, Any]) -> ModelPackageGroup:
        """The group that a request names, or gives the ARN of."""
        arn, group = find(self._table, context, request["ModelPackageGroupName"])
        if group is None:
            raise AwsError("ValidationException", f"ModelPackageGroup {arn} does not exist.")
        return group

    def _with_policy(self, context: RequestContext, request: dict[str, Any]) -> ModelPackageGroup:
        """The same for the operations on policies, which have other words where there is none."""
        arn = self._table.arn(context, request["ModelPackageGroupName"])
        group = self._table.get(arn)
        if group is None:
            raise AwsError("ValidationException", f"Cannot find Model Package Group: {arn}")
        return group


def find(table: Table[R], context: RequestContext, name: str) -> tuple[str, R | None]:
    """What is named, or given the ARN of, in the region of a call; and its ARN.

    It may be another account's: which calls a resource policy allows isn't looked at.
    """
    if not name.startswith("arn:"):
        name = table.arn(context, name)
    is_here = name.split(":")[3] == context.region
    return name, table.get(name) if is_here else None


def _require_policy(group: ModelPackageGroup) -> None:
    if group.policy is None:
        raise AwsError("ValidationException", f"Cannot find resource policy for: {group.arn}")


def _check_policy(text: str) -> None:
    """Raises `ValidationException` for what can't be a resource policy."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        raise AwsError("ValidationException", "ResourcePolicy: it is not valid JSON.") from None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    listed = statements if isinstance(statements, list) else [statements]
    if not listed or not all(isinstance(each, dict) and "Effect" in each for each in listed):
        raise AwsError(
            "ValidationException",
            "ResourcePolicy: a policy has a Statement, or a list of them, each with an Effect.",
        )
