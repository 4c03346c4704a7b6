"""Where records stand: found by what a request says of them, put there, and taken away."""

from __future__ import annotations

import contextlib
import random
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError
from harness.local.records.kinds import NO_VALUES, Kind
from harness.local.records.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import ServiceModel

    from harness.local.core.store import Store, Table
    from harness.local.protocol.messages import RequestContext

MAX_RECORDS = 1000
"""Records of one kind in an account and region."""

MAX_BYTES = 64 * 1024 * 1024
"""About the memory that all records together may take."""

_LETTERS = string.ascii_lowercase + string.digits


class Shelf:
    """The records of all kinds. Hold the store's lock from finding one to changing it."""

    def __init__(self, store: Store, model: ServiceModel, kinds: Mapping[str, Kind]) -> None:
        self.store = store
        self.model = model
        self.kinds = kinds
        for kind in kinds.values():
            store.table(kind.arn_kind)

    def all(self) -> Iterator[Record]:
        """All in all accounts and regions, those of a kind the oldest first."""
        for each in sorted({kind.arn_kind for kind in self.kinds.values()}):
            yield from self.store.table(each).all()

    def of(self, kind: Kind, context: RequestContext) -> list[Record]:
        """Those of a kind in the account and region of a call, the oldest first."""
        table: Table[Record] = self.store.table(kind.arn_kind)
        return [each for each in table.of(context) if each.noun == kind.noun]

    def kind_of(self, record: Record) -> Kind:
        return self.kinds[record.noun]

    def name(self, record: Record) -> str:
        return str(record.values.get(self.kind_of(record).name, ""))

    def look(self, kind: Kind, context: RequestContext, wanted: Mapping[str, Any]) -> Record | None:
        """The newest one with what is wanted of its key; what isn't given may be anything."""
        members = {each: wanted[each] for each in kind.key if wanted.get(each) is not None}
        alias = wanted.get("Alias") if "alias" in kind.line else None
        for record in reversed(self.of(kind, context)):
            known = {**record.values, kind.arn_member: record.arn}
            if alias is not None and alias not in record.values.get(kind.line["alias"], ()):
                continue
            if all(known.get(member) == value for member, value in members.items()):
                return record
        return None

    def find(self, kind: Kind, context: RequestContext, request: Mapping[str, Any]) -> Record:
        """The one that a request is about. Raises AWS's error if there is none."""
        record = self.look(kind, context, self.named(context, request))
        if record is None:
            raise self.missing(kind, context, request)
        return record

    def named(self, context: RequestContext, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request with names where it has ARNs in their place."""
        return {
            member: self._name(value)
            if str(value).startswith("arn:") and self._is_named(context, member)
            else value
            for member, value in request.items()
        }

    def _is_named(self, context: RequestContext, member: str) -> bool:
        shape: Any = self.model.operation_model(context.operation).input_shape
        return bool(shape.members[member].name.endswith("NameOrArn"))

    def _name(self, arn: str) -> str:
        record = self.store.get(arn)
        return self.name(record) if isinstance(record, Record) else arn.rpartition("/")[2]

    # What belongs together.

    def parents(
        self, kind: Kind, context: RequestContext, values: Mapping[str, Any]
    ) -> Iterator[tuple[Kind, Mapping[str, Any], Record | None]]:
        """What a record with these values belongs or refers to: the kind, the key, the record."""
        for noun, *paths in kind.line.get("parents", ()):
            parent = self.kinds[noun]
            given = [at(values, path) for path in paths]
            if given[-1] is None:
                continue
            wanted = dict(zip(parent.key, given, strict=True))
            if not str(given[-1]).startswith("arn:"):
                yield parent, wanted, self.look(parent, context, wanted)
            elif not parent.line.get("aws") or given[-1].startswith(context.arn("")):
                table: Table[Record] = self.store.table(parent.arn_kind)
                found = table.get(given[-1])
                yield parent, wanted, found if found and found.noun == noun else None

    def check_parents(
        self, kind: Kind, context: RequestContext, values: Mapping[str, Any]
    ) -> list[Record]:
        """Those of a record that is to be. Raises AWS's error if one isn't there."""
        found = []
        for parent, wanted, record in self.parents(kind, context, values):
            if record is None:
                raise self.missing(parent, context, wanted)
            found.append(record)
        return found

    def children(self, record: Record, context: RequestContext) -> Iterator[Record]:
        """What belongs or refers to a record."""
        for kind in self.kinds.values():
            if any(noun == record.noun for noun, *_ in kind.line.get("parents", ())):
                for each in self.of(kind, context):
                    if any(p is record for _, _, p in self.parents(kind, context, each.values)):
                        yield each

    # Coming and going.

    def make(
        self, kind: Kind, context: RequestContext, request: Mapping[str, Any]
    ) -> tuple[Record, bool]:
        """Make one as a Create request says, and whether it is new: a token is good for one.

        Raises AWS's error if it is there, what it belongs to isn't, or there are too many.
        """
        with self.store.lock:
            named = self.named(context, request)
            values = {member: each for member, each in named.items() if member not in NO_VALUES}
            parents = self.check_parents(kind, context, values)
            token = str(request.get("ClientToken", ""))
            for each in self.of(kind, context):
                if token and each.token == token and values.items() <= each.values.items():
                    return each, False
            record = self._new(kind, context, values, parents)
            record.token = token
            self._check_taken(kind, context, record)
            self.check_room(record)
            if len(self.of(kind, context)) >= MAX_RECORDS:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"The local AWS keeps {MAX_RECORDS} records of a kind at most: "
                    f"{kind.words} {self.name(record)} would be one more.",
                )
            self.store.table(kind.arn_kind).add(record, request.get("Tags"))
            if "number" in kind.line:
                parents[0].numbered += 1
            return record, True

    def _new(
        self,
        kind: Kind,
        context: RequestContext,
        values: dict[str, Any],
        parents: list[Record],
    ) -> Record:
        made = "".join(random.choices(_LETTERS, k=12))  # noqa: S311  # no secret
        known = {"made": made, "MADE": made.upper()}
        zero = {member: each for member, each in kind.line.get("zero", {}).items()
                if member in kind.key}  # fmt: skip
        values = {**zero, **values}
        for member, template in kind.line.get("made", {}).items():
            values[member] = template.format_map(known)
        if number := kind.line.get("number"):
            values[number] = parents[0].numbered + 1
        if version := kind.line.get("version"):
            values[version] = 1
        arn, now = context.arn(kind.resource({**values, **known})), datetime.now(UTC)
        return Record(kind.noun, arn, values, kind.status, now, now)

    def _check_taken(self, kind: Kind, context: RequestContext, record: Record) -> None:
        unique = kind.line.get("unique", ())
        for each in self.of(kind, context):
            alike = kind.key_of(each.values) == kind.key_of(record.values) != (None,)
            if alike or (unique and all(each.values[m] == record.values[m] for m in unique)):
                raise self._taken(kind, context, each)

    def check_room(self, record: Record) -> None:
        """Measure a record that is new or has changed; raises if it is too large for this place."""
        record.size = record.measure()
        others = sum(each.size for each in self.all() if each is not record)
        if others + record.size > MAX_BYTES:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The records of the local AWS may take {MAX_BYTES // 1024**2} MiB at most, and "
                "have no room for this one: delete some.",
            )

    @contextlib.contextmanager
    def changing(self, *records: Record) -> Iterator[None]:
        """Records get other values, histories and times in here; what they have isn't changed.

        Raises AWS's error if one is too large then; all are as they were before.
        """
        before = [(each, vars(each).copy()) for each in records]
        try:
            yield
            for each in records:
                self.check_room(each)
        except AwsError:
            for each, members in before:
                vars(each).update(members)
            raise

    def remove(self, record: Record, context: RequestContext) -> None:
        """Forget one and what goes with it. Raises AWS's error if others need it."""
        kind = self.kind_of(record)
        children = list(self.children(record, context))
        cascade = kind.line.get("cascade", ())
        if needed := [each for each in children if each.noun not in cascade]:
            code = self.code(context, "ResourceInUse", "ConflictException")
            code = "ResourceInUse" if code == "ValidationException" else code
            names = ", ".join(
                f"{self.kind_of(each).words} {self.name(each)}" for each in needed[:3]
            )
            more = f" and {len(needed) - 3} more" if len(needed) > 3 else ""
            raise AwsError(
                code, f"Unable to delete {kind.words} {record.arn}: it is used by {names}{more}."
            )
        for each in (*children, record):
            self.store.table(self.kind_of(each).arn_kind).remove(each)

    # What is refused.

    def code(self, context: RequestContext, *codes: str) -> str:
        """The first of the codes that the operation has; else AWS's for what isn't valid."""
        errors = {each.name for each in self.model.operation_model(context.operation).error_shapes}
        return next((each for each in codes if each in errors), "ValidationException")

    def missing(self, kind: Kind, context: RequestContext, wanted: Mapping[str, Any]) -> AwsError:
        """What AWS answers where there is no such resource."""
        names = [str(wanted[each]) for each in kind.key if wanted.get(each) is not None]
        text = kind.line.get("missing", "Could not find {words} '{name}'.")
        arn = names[-1] if names[-1].startswith("arn:") else context.arn(
            "/".join([kind.arn_kind, *names])
        )  # fmt: skip
        verb = kind.operations.get(context.operation, "describe")
        said = text.format(words=kind.words, name="/".join(names), arn=arn, verb=verb)
        return AwsError(self.code(context, "ResourceNotFound"), said)

    def _taken(self, kind: Kind, context: RequestContext, record: Record) -> AwsError:
        codes = "ResourceInUse", "ResourceAlreadyExists", "ConflictException"
        code = self.code(context, *codes)
        name = self.name(record)
        text = "{Words} with name {name} already exists. Choose a different name."
        text = kind.line.get("taken", text)
        words = kind.words[:1].upper() + kind.words[1:]
        return AwsError(code, text.format(Words=words, name=name, arn=record.arn))


def at(values: Any, path: str) -> Any:
    """What stands at a path of members, of a list in its first; None if nothing does."""
    for name in path.split("."):
        if isinstance(values, list):
            values = values[0] if values else None
        values = values.get(name) if isinstance(values, dict) else None
    return values
