"""Pages of what pipelines have: lists whose members are called after nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.protocol.paging import page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_TIMES = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}

Item = tuple["datetime", str, dict[str, Any]]
"""When it was created, its name, and what is shown of it."""


def listed(
    items: Iterable[Item], request: Mapping[str, Any], member: str, *, descending: bool = True
) -> dict[str, Any]:
    """The response of a List operation."""
    by = "CreationTime" if request.get("SortBy", "CreationTime") == "CreationTime" else "Name"
    asked = {_TIMES.get(name, name): value for name, value in request.items()} | {"SortBy": by}
    summaries = [
        {"CreationTime": created, "ItemName": name, "Shown": shown}
        for created, name, shown in items
    ]
    response = page(summaries, asked, member=member, noun="Item", descending=descending)
    return {**response, member: [each["Shown"] for each in response[member]]}
