"""The kinds of resource that are kept as records: what the shapes of their operations say of them.

What they don't say stands in `kinds.toml`, by kind; a line is one of `Line`'s.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.model import ListShape, StringShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import ServiceModel, Shape

SETTLED = ("InService", "Created", "CREATED", "Active", "Available", "Scheduled")
"""The statuses of which a record has the first that its kind has: nothing is under way for it."""

_ARN_KIND = re.compile(r":([a-z][a-z-]*)\\?/")

_SPELT = {"Mlflow": "MLflow", "Ui": "UI"}

NO_VALUES = frozenset({"Tags", "ClientToken", "NextToken", "MaxResults"})
"""Members of requests that say nothing of the resource itself."""


class Line(TypedDict, total=False):
    """What the table says of a kind, each where the shapes say nothing or something else."""

    create: str
    """The operation that creates it."""
    key: list[str]
    """The members that tell it from others of its kind; optional ones may be missing."""
    name: str
    """The member that it is named by."""
    arn: str
    """Its ARN's last part, made of its values and of 12 characters that are `made` for it."""
    made: dict[str, str]
    """Members that are made for it, in the same way."""
    number: str
    """A member that counts those of its parent."""
    status: str
    zero: dict[str, Any]
    """What it has where no request says so: AWS's defaults, and counts of nothing."""
    aliases: dict[str, str]
    """Members of answers and filters, by the path of what they repeat."""
    parents: list[list[str]]
    """Kinds that it belongs or refers to: one of that must be there if the members are given."""
    aws: bool
    """Whether AWS has some of its own, in accounts that are out of sight here."""
    cascade: list[str]
    """Kinds whose records in it are deleted with it. With others in it, it can't be deleted."""
    unique: list[str]
    """Members that no two have alike."""
    one_of: list[str]
    """Members of which exactly one must be given."""
    some_of: list[str]
    """Paths of members of which one must be given when it is created."""
    alias: str
    """The member with further names of its own, one of which a request may give as `Alias`."""
    apart: list[str]
    """Members that one update can't have both of."""
    version: str
    """The member that counts its updates; all versions are kept."""
    moves: dict[str, dict[str, Any]]
    """Operations that a status allows, `from` which ones; what the status is `by` then, on AWS, and
    what it is in the end, if it changes."""
    refused: dict[str, str]
    """Why a member isn't acted on, by its name, or operation and name."""
    missing: str
    taken: str


@dataclass(frozen=True)
class Kind:
    """One kind."""

    noun: str
    line: Line
    operations: Mapping[str, str]
    """Its operations, and which of create, describe, list, update and delete each is."""
    key: tuple[str, ...]
    name: str
    arn_kind: str
    arn_member: str
    status_member: str
    status: str

    @property
    def words(self) -> str:
        """`user profile`."""
        return words(self.noun)

    @property
    def create(self) -> str:
        return self.line.get("create", f"Create{self.noun}")

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(values.get(member) for member in self.key)

    def resource(self, values: Mapping[str, Any]) -> str:
        """The last part of the ARN of what has these values."""
        if template := self.line.get("arn"):
            return template.format_map(values)
        names = [str(each) for each in self.key_of(values) if each is not None]
        return "/".join([self.arn_kind, *names])


def words(noun: str) -> str:
    """A noun as it stands in a sentence: `UserProfile` as "user profile"."""
    parts = re.findall(r"[A-Z]{2,}(?=[A-Z][a-z]|$)|[A-Z][a-z]*", noun)
    return " ".join(_SPELT.get(each, each if each.isupper() else each.lower()) for each in parts)


def load(model: ServiceModel) -> dict[str, Kind]:
    """The kinds of the table, by noun."""
    return {noun: _kind(model, noun, line) for noun, line in table("kinds.toml").items()}


@functools.cache
def table(name: str) -> Mapping[str, Any]:
    """A table of this folder."""
    text = (importlib.resources.files(__package__ or "") / name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def operations(model: ServiceModel, noun: str) -> Iterator[tuple[str, str]]:
    """The operations on a kind, and which of its five each is."""
    known = set(model.operation_names)
    for verb in ("Create", "Describe", "Update", "Delete"):
        if f"{verb}{noun}" in known:
            yield f"{verb}{noun}", verb.lower()
    for plural in (f"{noun}s", f"{noun[:-1]}ies"):
        if f"List{plural}" in known:
            yield f"List{plural}", "list"


def summaries(model: ServiceModel, operation: str) -> str:
    """The member of a List operation's answer that has the resources."""
    shape: Any = model.operation_model(operation).output_shape
    return str(next(name for name, each in shape.members.items() if isinstance(each, ListShape)))


def _kind(model: ServiceModel, noun: str, line: Line) -> Kind:
    found = dict(operations(model, noun))
    if create := line.get("create"):
        found[create] = "create"
    found |= {name: "move" for name in line.get("moves", {}) if name not in found}
    described = _described(model, noun)
    key = tuple(line.get("key") or _required(model, f"Describe{noun}"))
    name = line.get("name") or _name(model, noun, line, key)
    arn_member = next(each for each in (f"{noun}Arn", *_arns(described), "") if each in described)
    pattern = str(described[arn_member].metadata.get("pattern", ""))
    kind = _ARN_KIND.search(pattern.partition("[0-9]{12}")[2])
    status_member = _status_member(model, noun, line, described)
    enum = list(getattr(described[status_member], "enum", ())) if status_member else []
    status = line.get("status") or next((each for each in SETTLED if each in enum), "")
    resource = line.get("arn", "")
    arn_kind = resource.partition("/")[0] or (kind[1] if kind else _kebab(noun))
    return Kind(noun, line, found, key, name, arn_kind, arn_member, status_member, status)


def _described(model: ServiceModel, noun: str) -> Mapping[str, Shape]:
    """The members of what is told of one: they may all be in one member of the answer."""
    shape: Any = model.operation_model(f"Describe{noun}").output_shape
    members: Mapping[str, Shape] = shape.members
    if list(members) == [noun] and isinstance(inner := members[noun], StructureShape):
        members = inner.members
    return members


def _required(model: ServiceModel, operation: str) -> list[str]:
    shape = model.operation_model(operation).input_shape
    return list(shape.required_members) if shape is not None else []


def _name(model: ServiceModel, noun: str, line: Line, key: tuple[str, ...]) -> str:
    """The member of the Create operation's that is its name: `UserProfileName`, `Name`."""
    shape = model.operation_model(line.get("create", f"Create{noun}")).input_shape
    members = list(shape.members) if shape is not None else []
    names = [each for each in (*key, *members) if each in members and each.endswith("Name")]
    return next(each for each in names if noun.endswith(each.removesuffix("Name")))


def _arns(described: Mapping[str, Shape]) -> list[str]:
    return [each for each in ("JobDefinitionArn", "TrackingServerArn", "Arn") if each in described]


def _status_member(
    model: ServiceModel, noun: str, line: Line, described: Mapping[str, Shape]
) -> str:
    """The member that has its status, and isn't one that requests set."""
    shape = model.operation_model(line.get("create", f"Create{noun}")).input_shape
    asked = set(shape.members) if shape is not None else set()
    for member, each in described.items():
        stem = member.removesuffix("Status")
        is_its = member.endswith("Status") and noun.endswith(stem)
        if is_its and isinstance(each, StringShape) and each.enum and member not in asked:
            return member
    return ""


def _kebab(noun: str) -> str:
    return words(noun).lower().replace(" ", "-")
