"""What is answered of a record: what requests have said of it, and what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.model import StructureShape

from harness.local.records import structures
from harness.local.records.shelf import at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.protocol.messages import RequestContext
    from harness.local.records.record import Record
    from harness.local.records.shelf import Shelf

CREATED = ("CreationTime", "CreateDate", "RegistrationTime")
MODIFIED = ("LastModifiedTime", "LastUpdatedDate")
"""Members with the time when something was created, and last changed."""


def shown(shelf: Shelf, context: RequestContext, record: Record) -> dict[str, Any]:
    """All that there is to tell of a record, by member; what an answer hasn't, it leaves out."""
    kind = shelf.kind_of(record)
    values = {**kind.line.get("zero", {}), **record.values}
    for parent, _, found in shelf.parents(kind, context, values):
        if found is not None:
            values[parent.arn_member] = found.arn
    values[kind.arn_member] = record.arn
    for member, path in kind.line.get("aliases", {}).items():
        if (value := at(values, path)) is not None:
            values[member] = value
    values |= dict.fromkeys(CREATED, record.created) | dict.fromkeys(MODIFIED, record.modified)
    values |= dict.fromkeys(("CreatedBy", "LastModifiedBy"), _account(record))
    if kind.status_member:
        values[kind.status_member] = record.status
    tags = shelf.store.tags.get(record.arn, {})
    values["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    change = structures.SHOWN.get(kind.noun)
    return change(values) if change else values


def _account(record: Record) -> dict[str, Any]:
    """Who created it, as far as it is known: the account."""
    _, partition, _, _, account, _ = record.arn.split(":", 5)
    return {"IamIdentity": {"Arn": f"arn:{partition}:iam::{account}:root"}}


def fitted(shelf: Shelf, context: RequestContext, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer with these values: in some, all of them stand in one member."""
    shape = shelf.model.operation_model(context.operation).output_shape
    if isinstance(shape, StructureShape):
        for member, inner in shape.members.items():
            if isinstance(inner, StructureShape) and list(shape.members) == [member]:
                return {member: values}
    return values
