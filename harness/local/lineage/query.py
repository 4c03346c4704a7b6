"""`QueryLineage`: the entities that one is linked with, over as many associations as are asked for.

What isn't asked for by `Filters` isn't in the answer, and is gone through all the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from harness.local.lineage.entity import KINDS, Entity, find
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.core.store import Store
    from harness.local.protocol.messages import RequestContext

MAX_DEPTH = 10
"""Associations from the start, at the most (`MaxDepth` in the service model)."""

MAX_RESULTS = 50
"""Vertices of a page (`MaxResults` in the service model)."""

Edge = tuple[str, str, str | None]


def query(store: Store, context: RequestContext, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a request of QueryLineage.

    Raises:
        AwsError: an entity that it begins with isn't there, or its token is none.
    """
    for member in ("MaxDepth", "MaxResults"):
        if request.get(member, 1) < 1:
            raise AwsError("ValidationException", f"{member}: {request[member]} is less than 1.")
    starts = [find(store, context, arn) for arn in request.get("StartArns") or ()]
    if starts:
        found, edges = _reached(store, starts, request)
    else:
        found = [each for kind in KINDS for each in store.table(kind).of(context)]
        edges = [(each.arn, link.arn, link.kind) for each in found for link in each.to.values()]
    wanted = [
        each for each in found
        if each.kind != "experiment" and _fits(each, request.get("Filters") or {})
    ]  # fmt: skip
    first = _first(request)
    shown = wanted[first : first + request.get("MaxResults", MAX_RESULTS)]
    answer: dict[str, Any] = {"Vertices": [_vertex(each) for each in shown]}
    if request.get("IncludeEdges", True):
        arns, here = {each.arn for each in wanted}, {each.arn for each in shown}
        before = {each.arn for each in wanted[:first]} | here
        answer["Edges"] = [
            {"SourceArn": source, "DestinationArn": destination, "AssociationType": kind}
            for source, destination, kind in edges
            if {source, destination} <= arns & before and {source, destination} & here
        ]
    if first + len(shown) < len(wanted):
        answer["NextToken"] = _token(first + len(shown), request)
    return answer


def _reached(
    store: Store, starts: list[Entity], request: Mapping[str, Any]
) -> tuple[list[Entity], list[Edge]]:
    """The entities that are reached, the nearest first, and the associations between them."""
    direction = request.get("Direction", "Both")
    found = {each.arn: each for each in starts}
    edges: dict[Edge, None] = {}
    outermost = list(found.values())
    for _ in range(request.get("MaxDepth", MAX_DEPTH)):
        reached: dict[str, Entity] = {}
        for entity in outermost:
            for edge, other in _edges(entity, direction):
                edges[edge] = None
                neighbour = store.get(other)
                if other not in found and isinstance(neighbour, Entity):
                    reached[other] = neighbour
        found |= reached
        outermost = list(reached.values())
        if not outermost:
            break
    return list(found.values()), list(edges)


def _edges(entity: Entity, direction: str) -> Iterator[tuple[Edge, str]]:
    """The associations that are followed from an entity, with the ARN of the other end."""
    if direction != "Ascendants":
        for link in entity.to.values():
            yield (entity.arn, link.arn, link.kind), link.arn
    if direction != "Descendants":
        for link in entity.by.values():
            yield (link.arn, entity.arn, link.kind), link.arn


def _fits(entity: Entity, filters: Mapping[str, Any]) -> bool:
    properties = entity.members.get("Properties") or {}
    return (
        entity.type in (filters.get("Types") or [entity.type])
        and entity.noun in (filters.get("LineageTypes") or [entity.noun])
        and ("CreatedBefore" not in filters or entity.created < filters["CreatedBefore"])
        and ("CreatedAfter" not in filters or entity.created > filters["CreatedAfter"])
        and ("ModifiedBefore" not in filters or entity.modified < filters["ModifiedBefore"])
        and ("ModifiedAfter" not in filters or entity.modified > filters["ModifiedAfter"])
        and all(
            properties.get(name) == value
            for name, value in (filters.get("Properties") or {}).items()
        )
    )


def _vertex(entity: Entity) -> dict[str, Any]:
    return {"Arn": entity.arn, "Type": entity.type, "LineageType": entity.noun}


def _owner(request: Mapping[str, Any]) -> str:
    """What a token belongs to: all that was asked but for the page."""
    asked = {
        name: each for name, each in request.items() if name not in ("NextToken", "MaxResults")
    }
    text = json.dumps(asked, default=str, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _token(place: int, request: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{place}:{_owner(request)}".encode()).decode()


def _first(request: Mapping[str, Any]) -> int:
    """Where the page begins that is asked for."""
    if not (token := request.get("NextToken")):
        return 0
    try:
        place = int(base64.urlsafe_b64decode(token).decode().partition(":")[0])
    except ValueError:
        place = -1
    if place < 0 or _token(place, request) != token:
        raise AwsError(
            "ValidationException",
            "Invalid NextToken: it was not given out for a request of this operation with these "
            "filters.",
        )
    return place
