"""`Search` over what exists here, and the names of properties to search by."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError
from harness.local.protocol.paging import page
from harness.local.search import properties
from harness.local.search.expressions import filter_of
from harness.local.search.kinds import KINDS, Kind, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

MAX_SUGGESTIONS = 100
"""Names of properties in an answer."""

_SORTED_BY = ("LastModifiedTime", "CreationTime")
"""What results are in the order of where the request doesn't say: the first that they have."""


class Search:
    """Search and GetSearchSuggestions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def search(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        kind = self._kind(request["Resource"])
        by = properties.find(kind, request["SortBy"]) if "SortBy" in request else None
        expression = request.get("SearchExpression")
        fits = filter_of(kind, expression) if expression is not None else lambda _: True
        backwards = request.get("SortOrder", "Descending") == "Descending"
        found = [
            {
                "Record": record,
                "Order": _order(kind, record, by, backwards=backwards),
                "ResultName": arn,
                "CreationTime": _of(kind, record)["CreationTime"],
            }
            for arn, record in self._records(context, kind, request)
            if fits(record) and _is_visible(record, request)
        ]
        asked = {
            "SortBy": "Order",
            "SortOrder": "Descending" if backwards else "Ascending",
            "Request": {name: value for name, value in request.items() if name not in _OF_A_PAGE},
            **{name: request[name] for name in _OF_A_PAGE if name in request},
        }
        answer = page(found, asked, member="Results", noun="Result", descending=True)
        results = [{kind.member: each["Record"]} for each in answer["Results"]]
        hits = {"Value": len(found), "Relation": "EqualTo"}
        return {**answer, "Results": results, "TotalHits": hits}

    def get_search_suggestions(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        kind = self._kind(request["Resource"])
        query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
        hint = query.get("PropertyNameHint", "").lower()
        records = (record for _, record in self._records(context, kind, {}))
        names = dict.fromkeys(
            name for name in properties.names(kind, records) if hint in name.lower()
        )
        # The nearest first: what begins with the hint.
        ordered = sorted(names, key=lambda name: not name.lower().startswith(hint))
        suggested = itertools.islice(ordered, MAX_SUGGESTIONS)
        return {"PropertyNameSuggestions": [{"PropertyName": each} for each in suggested]}

    def _kind(self, resource: str) -> Kind:
        """Raises `ValidationException` for what isn't found here."""
        if resource not in KINDS:
            raise AwsError(
                "ValidationException",
                f"Resource: {resource} is searched by AWS only; the local AWS finds those of "
                f"{', '.join(KINDS)}.",
            )
        return KINDS[resource]

    def _records(
        self, context: RequestContext, kind: Kind, request: Mapping[str, Any]
    ) -> Iterator[tuple[str, Record]]:
        """All of a kind; none of what other accounts share."""
        if request.get("CrossAccountFilterOption") == "CrossAccount":
            return
        with self._backend.store.lock:
            found = list(kind.found(self._backend, context))
        yield from found


_OF_A_PAGE = ("NextToken", "MaxResults")


def _of(kind: Kind, record: Record) -> Record:
    """Where the times of a record are."""
    inner: Record = record["Model"] if kind.resource == "Model" else record
    return inner


def _order(kind: Kind, record: Record, by: properties.Property | None, *, backwards: bool) -> str:
    if by is None:
        times = _of(kind, record)
        return properties.order(next(times[each] for each in _SORTED_BY if times.get(each)))
    values = by.values(record)
    if not values:
        return "" if backwards else "~"  # last in either case
    return properties.order(values[0])


def _is_visible(record: Record, request: Mapping[str, Any]) -> bool:
    """Whether it has the tags that `VisibilityConditions` ask for, each as `Tags.<key>`."""
    tags = {f"Tags.{each['Key']}": each["Value"] for each in record["Tags"]}
    conditions = request.get("VisibilityConditions") or ()
    return all(tags.get(each.get("Key")) == each.get("Value") for each in conditions)
