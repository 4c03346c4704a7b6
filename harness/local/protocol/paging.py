"""Filters, order and pages of the List operations.

A token stands for a place in the order, that behind the last item of its page, and not for a
number of items: what is created or deleted between two pages shifts nothing. It belongs to the
request that it was given out for, and nothing else is taken for one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_PAGE = 100

_FROM_THEN_ON = frozenset({"Model", "Endpoint", "EndpointConfig"})
"""Nouns whose `CreationTimeAfter` has the time itself in it ("greater than or equal to", in the API
reference of their List operations); of all others it has what was created after it."""

_STATUS_LAST = frozenset({"TrainingJobSummaries"})
"""Members of which a page has `MaxResults` of any status, and then those of `StatusEquals`
(ListTrainingJobs in the API reference)."""

_OF_A_PAGE = ("NextToken", "MaxResults")
"""What may differ between the requests for two pages of a list."""

_Place = tuple[Any, str]
"""Where an item stands: what the list is sorted by, and the item's name."""


def page(
    summaries: Iterable[dict[str, Any]],
    request: Mapping[str, Any],
    *,
    member: str,
    noun: str,
    descending: bool,
    default_page: int = DEFAULT_PAGE,
    identity: str = "",
) -> dict[str, Any]:
    """The response of a List operation: `{member: [...], "NextToken": ...}`.

    `noun` is what the summaries' members begin with (`TrainingJob` in `TrainingJobName`).
    `identity` is the member that no two have alike, if it isn't the name.
    `descending` is the operation's default order; which it is stands in AWS's API reference.

    Raises:
        AwsError: the request's token is none, or was given out for another request.
    """
    by = request.get("SortBy", "CreationTime")
    key = {"Name": f"{noun}Name", "Status": f"{noun}Status"}.get(by, by)
    order = request.get("SortOrder", request.get("OrderKey"))
    backwards = order == "Descending" if order else descending

    def place(summary: Mapping[str, Any]) -> _Place:
        return summary[key], summary[identity or f"{noun}Name"]

    found = [each for each in summaries if _matches(each, request, noun)]
    if not (status_last := member in _STATUS_LAST):
        found = [each for each in found if _has_status(each, request, noun)]
    found.sort(key=place, reverse=backwards)
    owner = _owner(request, member)
    if token := request.get("NextToken"):
        last = _decode(token, owner, is_time=key.endswith("Time"))
        found = [each for each in found if _is_behind(place(each), last, backwards=backwards)]
    most = request.get("MaxResults", default_page)
    shown, left = found[:most], found[most:]
    response: dict[str, Any] = {}
    if shown and left:
        response["NextToken"] = _encode(place(shown[-1]), owner)
    if status_last:
        shown = [each for each in shown if _has_status(each, request, noun)]
    return {member: shown, **response}


def _matches(summary: Mapping[str, Any], request: Mapping[str, Any], noun: str) -> bool:
    """Whether it is asked for, whatever its status is."""
    created = summary["CreationTime"]
    modified = summary.get("LastModifiedTime", created)
    after = request.get("CreationTimeAfter")
    return (
        request.get("NameContains", "").lower() in summary[f"{noun}Name"].lower()
        and (after is None or created > after or (created == after and noun in _FROM_THEN_ON))
        and ("CreationTimeBefore" not in request or created < request["CreationTimeBefore"])
        and ("LastModifiedTimeAfter" not in request or modified > request["LastModifiedTimeAfter"])
        and (
            "LastModifiedTimeBefore" not in request or modified < request["LastModifiedTimeBefore"]
        )
    )


def _has_status(summary: Mapping[str, Any], request: Mapping[str, Any], noun: str) -> bool:
    return request.get("StatusEquals") in (None, summary.get(f"{noun}Status"))


def _is_behind(place: _Place, last: _Place, *, backwards: bool) -> bool:
    return place < last if backwards else place > last


def _owner(request: Mapping[str, Any], member: str) -> str:
    """What a token belongs to: the operation, and all that it was asked but for the page."""
    asked = {name: value for name, value in request.items() if name not in _OF_A_PAGE}
    return json.dumps([member, asked], default=str, sort_keys=True)


def _encode(place: _Place, owner: str) -> str:
    value, name = place
    text = value.isoformat() if isinstance(value, datetime) else value
    digest = hashlib.blake2b(json.dumps([text, name, owner]).encode(), digest_size=12).hexdigest()
    return base64.urlsafe_b64encode(json.dumps([text, name, digest]).encode()).decode()


def _decode(token: str, owner: str, *, is_time: bool) -> _Place:
    try:
        text, name, _ = json.loads(base64.urlsafe_b64decode(token))
        place = datetime.fromisoformat(text) if is_time else text, name
        # Whatever isn't letter for letter what this request's would be, is another's or none.
        if _encode(place, owner) == token:
            return place
    except (ValueError, TypeError, RecursionError):
        pass
    raise AwsError(
        "ValidationException",
        "Invalid NextToken: it was not given out for a request of this operation with these "
        "filters and this order.",
    )
