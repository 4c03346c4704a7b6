"""Lists of records: the filters, the order and the page that a request asks for.

The members of its shape say what it filters by: `NameContains`, `DomainIdEquals`,
`CreatedAfter`, or a member of the resource's own.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.local.protocol.paging import DEFAULT_PAGE, page

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from botocore.model import OperationModel, Shape

    from harness.local.records.kinds import Kind

ORDER = frozenset({"SortBy", "SortOrder", "MaxResults", "NextToken"})

_TIMES = {
    "Created": "CreationTime",
    "ModifiedTime": "LastModifiedTime",
    "CreateDate": "CreationTime",
}

_DEFAULT = re.compile(r"[^.]*default[^.]*")


def listed(
    operation: OperationModel,
    kind: Kind,
    member: str,
    known: Iterable[dict[str, Any]],
    request: Mapping[str, Any],
    done: Collection[str] = (),
) -> dict[str, Any]:
    """The answer of a List operation on what is `known`, in which `member` has the resources.

    `done` are filters that it has been through.
    """
    shape: Any = operation.input_shape
    by = request.get("SortBy") or _default(shape.members.get("SortBy"), r"Name|CreationTime")
    by = _member(kind, by or "CreationTime")
    order = _default(shape.members.get("SortOrder"), r"(?i)Ascending|Descending").lower()
    most = _default(shape.members.get("MaxResults"), r"\d+")
    items = [
        {
            "Name": str(each.get(kind.name, "")),
            "CreationTime": each["CreationTime"],
            "LastModifiedTime": each["LastModifiedTime"],
            by: each.get(by, ""),
            "Arn": each[kind.arn_member],
            "shown": each,
        }
        for each in known
        if all(
            _is_wanted(kind, name, wanted, each)
            for name, wanted in request.items()
            if name not in ORDER and name not in done
        )
    ]
    asked = {name: value for name, value in request.items() if name != "StatusEquals"}
    order_asked = request.get("SortOrder", "").capitalize()
    answer = page(
        items,
        {**asked, "SortBy": by, **({"SortOrder": order_asked} if order_asked else {})},
        member=member,
        noun="",
        descending=order == "descending",
        default_page=int(most) if most else DEFAULT_PAGE,
        identity="Arn",
    )
    return {**answer, member: [each["shown"] for each in answer[member]]}


def _default(shape: Shape | None, values: str) -> str:
    """What a member's default is, of which the model tells in words only."""
    for sentence in _DEFAULT.findall(re.sub("<[^>]+>", "", shape.documentation) if shape else ""):
        if found := re.search(values, sentence):
            return found[0]
    return ""


def _member(kind: Kind, name: str) -> str:
    """The member of a resource that a filter, or an order, calls so: `CREATION_TIME`, `Name`."""
    if "_" in name or name.isupper():
        name = "".join(each.capitalize() for each in name.split("_"))
    if name == "Name":
        return kind.name
    if name == "Status" and kind.status_member:
        return kind.status_member
    return _TIMES.get(name, name)


def _is_wanted(kind: Kind, name: str, wanted: Any, shown: Mapping[str, Any]) -> bool:
    """Whether a resource is one that the filter of this name lets through."""
    for suffix in ("Contains", "Equals", "After", "Before"):
        if name.endswith(suffix) and name != suffix:
            value = shown.get(_member(kind, name.removesuffix(suffix)))
            break
    else:
        suffix, value = "Equals", shown.get(_member(kind, name))
    if suffix == "Contains":
        return str(wanted).lower() in str(value or "").lower()
    if suffix in ("After", "Before"):
        return isinstance(value, datetime) and (
            value > wanted if suffix == "After" else value < wanted
        )
    return wanted in value if isinstance(value, list) else bool(value == wanted)
