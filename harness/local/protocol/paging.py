"""Filters, order and pages of the List operations."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_PAGE = 100


def page(
    summaries: Iterable[dict[str, Any]],
    request: Mapping[str, Any],
    *,
    member: str,
    noun: str,
    descending: bool,
    default_page: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    """The response of a List operation: `{member: [...], "NextToken": ...}`.

    `noun` is what the summaries' members begin with (`TrainingJob` in `TrainingJobName`).
    `descending` is the operation's default order; which it is stands in AWS's API reference.
    """
    found = [summary for summary in summaries if _matches(summary, request, noun)]
    by = request.get("SortBy", "CreationTime")
    key = {"Name": f"{noun}Name", "Status": f"{noun}Status"}.get(by, by)
    order = request.get("SortOrder", request.get("OrderKey"))
    found.sort(
        key=lambda summary: (summary[key], summary[f"{noun}Name"]),
        reverse=order == "Descending" if order else descending,
    )
    start = _decode(request["NextToken"]) if request.get("NextToken") else 0
    end = start + request.get("MaxResults", default_page)
    response: dict[str, Any] = {member: found[start:end]}
    if end < len(found):
        response["NextToken"] = _encode(end)
    return response


def _matches(summary: Mapping[str, Any], request: Mapping[str, Any], noun: str) -> bool:
    created = summary["CreationTime"]
    modified = summary.get("LastModifiedTime", created)
    return (
        request.get("NameContains", "").lower() in summary[f"{noun}Name"].lower()
        and request.get("StatusEquals") in (None, summary.get(f"{noun}Status"))
        and ("CreationTimeAfter" not in request or created > request["CreationTimeAfter"])
        and ("CreationTimeBefore" not in request or created < request["CreationTimeBefore"])
        and ("LastModifiedTimeAfter" not in request or modified > request["LastModifiedTimeAfter"])
        and (
            "LastModifiedTimeBefore" not in request or modified < request["LastModifiedTimeBefore"]
        )
    )


def _encode(start: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"start": start}).encode()).decode()


def _decode(token: str) -> int:
    try:
        start = json.loads(base64.urlsafe_b64decode(token))["start"]
        if isinstance(start, int) and start >= 0:
            return start
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise AwsError("ValidationException", "Invalid NextToken: it is not one that was given out.")
