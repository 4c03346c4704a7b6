"""SageMaker's other resources: kept as records, which can be created, described, listed, changed
and deleted as on AWS, and for which nothing runs. What would be an invention is refused.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.protocol.errors import AwsError
from harness.local.records import kinds, listing, refusals, special, structures
from harness.local.records.answers import fitted, shown
from harness.local.records.kinds import NO_VALUES, Kind
from harness.local.records.record import Record
from harness.local.records.shelf import Shelf, at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

    Request = Mapping[str, Any]
    Handler = Callable[[RequestContext, dict[str, Any]], Any]

HEADER = "x-harness-record"
"""Of answers about records. Nothing runs for them."""


class Records:
    """A provider of all operations that its tables have and no other provider has."""

    headers: ClassVar[Mapping[str, str]] = {HEADER: "true"}

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    @functools.cached_property
    def _shelf(self) -> Shelf:
        model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")
        return Shelf(self._store, model, kinds.load(model))

    def handler(self, operation: str) -> Handler | None:
        """What answers an operation; None if the tables haven't it."""
        return self._handlers.get(operation)

    @functools.cached_property
    def refused(self) -> frozenset[str]:
        """The operations that are never carried out."""
        return frozenset(name for name, _ in refusals.refusals(self._shelf.model))

    @functools.cached_property
    def _handlers(self) -> Mapping[str, Handler]:
        shelf = self._shelf
        verbs = {"create": self._create, "describe": self._describe, "list": self._list,
                 "update": self._update, "delete": self._delete, "move": self._move}  # fmt: skip
        found: dict[str, Handler] = {}
        for kind in shelf.kinds.values():
            for operation, verb in kind.operations.items():
                found[operation] = functools.partial(verbs[verb], kind)
        for operation, (noun, call) in special.HANDLERS.items():
            found[operation] = functools.partial(self._special, shelf.kinds[noun], call)
        return {
            **found,
            **dict(refusals.empty_lists(shelf)),
            **dict(refusals.refusals(shelf.model)),
        }

    # The operations on every kind.

    def _create(self, kind: Kind, context: RequestContext, request: Request) -> Mapping[str, Any]:
        _check(kind, context, request)
        some = kind.line.get("some_of", [])
        if some and all(at(request, path) in (None, []) for path in some):
            raise AwsError("ValidationException", f"One of {', '.join(some)} must be given.")
        with self._store.lock:
            record, _ = self._shelf.make(kind, context, request)
            return fitted(self._shelf, context, shown(self._shelf, context, record))

    def _describe(self, kind: Kind, context: RequestContext, request: Request) -> Mapping[str, Any]:
        _check(kind, context, request)
        with self._store.lock:
            record = self._shelf.find(kind, context, request)
            version = kind.line.get("version", "")
            if version in request:
                record = self._version(kind, context, record, request[version])
            return fitted(self._shelf, context, shown(self._shelf, context, record))

    def _list(self, kind: Kind, context: RequestContext, request: Request) -> Mapping[str, Any]:
        _check(kind, context, request)
        shelf = self._shelf
        operation = shelf.model.operation_model(context.operation)
        with self._store.lock:
            request = shelf.named(context, request)
            if set(operation.input_shape.required_members if operation.input_shape else ()):
                shelf.check_parents(kind, context, request)
            known = [shown(shelf, context, each) for each in shelf.of(kind, context)]
        member = kinds.summaries(shelf.model, context.operation)
        return listing.listed(operation, kind, member, known, request)

    def _update(self, kind: Kind, context: RequestContext, request: Request) -> Mapping[str, Any]:
        _check(kind, context, request)
        shelf = self._shelf
        shape = shelf.model.operation_model(context.operation).input_shape
        with self._store.lock:
            record = shelf.find(kind, context, request)
            self._moved(kind, context, record)
            if (both := kind.line.get("apart")) and all(each in request for each in both):
                raise AwsError(
                    "ValidationException",
                    f"Only one of {' and '.join(both)} can be updated at once.",
                )
            apart = {*kind.key, *NO_VALUES, "Alias", "TargetVersion"}
            changes = {name: value for name, value in request.items() if name not in apart}
            required = shape.required_members if shape is not None else ()
            values = structures.change(kind.noun, record.values, changes, required)
            shelf.check_parents(kind, context, values)
            with shelf.changing(record):
                if version := kind.line.get("version"):
                    self._check_target(context, record, request, version)
                    record.history = [*record.history, [record.values, record.modified]]
                    values = {**values, version: record.values[version] + 1}
                record.values, record.modified = values, datetime.now(UTC)
            tags = {each["Key"]: each["Value"] for each in request.get("Tags", ())}
            self._store.tags[record.arn].update(tags)
            return fitted(shelf, context, shown(shelf, context, record))

    def _delete(self, kind: Kind, context: RequestContext, request: Request) -> Mapping[str, Any]:
        _check(kind, context, request)
        with self._store.lock:
            record = self._shelf.find(kind, context, request)
            self._moved(kind, context, record)
            answer = shown(self._shelf, context, record)
            self._shelf.remove(record, context)
            return answer

    def _move(self, kind: Kind, context: RequestContext, request: Request) -> Mapping[str, Any]:
        with self._store.lock:
            record = self._shelf.find(kind, context, request)
            status = self._moved(kind, context, record)
            if status != record.status:
                record.status, record.modified = status, datetime.now(UTC)
            return shown(self._shelf, context, record)

    def _special(
        self,
        kind: Kind,
        call: Callable[[Shelf, RequestContext, Request], Any],
        context: RequestContext,
        request: Request,
    ) -> Any:
        _check(kind, context, request)
        return call(self._shelf, context, request)

    def _moved(self, kind: Kind, context: RequestContext, record: Record) -> str:
        """The status that an operation brings. Raises AWS's error if there is one against it."""
        move = kind.line.get("moves", {}).get(context.operation)
        if move is None:
            return record.status
        if record.status not in move["from"]:
            words = kind.words.title()
            raise AwsError(
                self._shelf.code(context, "ConflictException"),
                f"Status ({record.status}) not in ([{', '.join(move['from'])}]). Unable to "
                f"transition to ({move['by']}) for {words} ({record.arn})",
            )
        return str(move.get("to", record.status))

    def _version(self, kind: Kind, context: RequestContext, record: Record, number: int) -> Record:
        member = kind.line["version"]
        for each in record.versions():
            if each.values[member] == number:
                return each
        raise AwsError(
            self._shelf.code(context, "ResourceNotFound"),
            f"Could not find version {number} of {kind.words} '{self._shelf.name(record)}'.",
        )

    def _check_target(
        self, context: RequestContext, record: Record, request: Request, version: str
    ) -> None:
        target = request.get("TargetVersion", record.values[version])
        if target != record.values[version]:
            raise AwsError(
                self._shelf.code(context, "ConflictException"),
                f"TargetVersion: {target} is not the newest version, which is "
                f"{record.values[version]}.",
            )

    # The state.

    def saved(self) -> list[dict[str, Any]]:
        """All records, for `restore`."""
        with self._store.lock:
            return [
                {"record": each.saved(), "tags": dict(self._store.tags[each.arn])}
                for each in self._shelf.all()
            ]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        """Keep the records that were saved."""
        for each in saved:
            record = Record(**each["record"])
            table = self._store.table(self._shelf.kind_of(record).arn_kind)
            table.restore(record, each["tags"])


def _check(kind: Kind, context: RequestContext, request: Request) -> None:
    """Refuse the members that the table refuses; what is switched off isn't asked for."""
    for name, why in kind.line.get("refused", {}).items():
        operation, _, member = name.rpartition(".")
        if request.get(member) and operation in ("", context.operation):
            raise AwsError("ValidationException", f"{member}: {why}.")
    one = kind.line.get("one_of", [])
    is_list = kind.operations.get(context.operation) == "list"
    if one and not is_list and sum(member in request for member in one) != 1:
        raise AwsError("ValidationException", f"Exactly one of {', '.join(one)} must be given.")
