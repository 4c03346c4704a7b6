"""Associations between entities: added, deleted and listed, and followed by QueryLineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.lineage.entity import KINDS, Entity, Link, find, link, listed, settle
from harness.local.lineage.query import query
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

LIMIT = 6000
"""Associations that can be made by hand ("Limits" in "Manually Create Tracking Entities")."""

_OF_EXPERIMENTS = frozenset({"experiment", "experiment-trial-component"})


class Associations:
    """AddAssociation, DeleteAssociation, ListAssociations, QueryLineage."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store
        for kind in KINDS:
            self._store.table(kind)

    def add_association(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            settle(self._store)
            source = find(self._store, context, request["SourceArn"])
            destination = find(self._store, context, request["DestinationArn"])
            if {source.kind, destination.kind} <= _OF_EXPERIMENTS:
                raise AwsError(
                    "ValidationException",
                    "Associations cannot be created between two experiment entities: "
                    f"'{source.arn}' and '{destination.arn}'.",
                )
            if source is destination:  # AWS doesn't say; nothing comes of itself
                raise AwsError(
                    "ValidationException",
                    f"The source and the destination of an association are both '{source.arn}': "
                    "they must differ.",
                )
            if destination.arn in source.to:
                raise AwsError(
                    "ValidationException",
                    f"Association between '{source.arn}' and '{destination.arn}' already exists.",
                )
            if sum(each.by_hand for _, each in self._all(context)) >= LIMIT:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"The account-level service limit 'Number of associations' is {LIMIT}.",
                )
            link(source, destination, request.get("AssociationType"))
        return {"SourceArn": source.arn, "DestinationArn": destination.arn}

    def delete_association(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            settle(self._store)
            source = find(self._store, context, request["SourceArn"])
            destination = find(self._store, context, request["DestinationArn"])
            if destination.arn not in source.to:
                raise AwsError(
                    "ResourceNotFound",
                    f"Association between '{source.arn}' and '{destination.arn}' does not exist.",
                )
            del source.to[destination.arn], destination.by[source.arn]
        return {"SourceArn": source.arn, "DestinationArn": destination.arn}

    def list_associations(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            settle(self._store)
            for member in ("SourceArn", "DestinationArn"):
                if member in request:
                    find(self._store, context, request[member])
            summaries = [
                (f"{source.arn} {each.arn}", summary)
                for source, each in self._all(context)
                if _fits(summary := self._summary(source, each), request)
            ]
        return listed(summaries, request, member="AssociationSummaries")

    def query_lineage(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            settle(self._store)
            return query(self._store, context, request)

    def _all(self, context: RequestContext) -> Iterator[tuple[Entity, Link]]:
        for kind in KINDS:
            for source in self._store.table(kind).of(context):
                for each in list(source.to.values()):
                    yield source, each

    def _summary(self, source: Entity, each: Link) -> dict[str, Any]:
        destination: Any = self._store.get(each.arn)
        return {
            "SourceArn": source.arn,
            "DestinationArn": each.arn,
            "SourceType": source.source_type,
            "DestinationType": destination.source_type,
            "AssociationType": each.kind,
            "SourceName": source.name,
            "DestinationName": destination.name,
            "CreationTime": each.created,
        }


def _fits(summary: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    arns = all(
        summary[member] == request[member].lower()
        for member in ("SourceArn", "DestinationArn")
        if member in request
    )
    return arns and all(
        summary[member] == request[member]
        for member in ("SourceType", "DestinationType", "AssociationType")
        if member in request
    )
