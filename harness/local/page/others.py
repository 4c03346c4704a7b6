"""What the first page has no lists of: experiments with what they consist of, and records.

Nothing runs for a record. Its kinds, and what tells it from others, are those of the tables by
which the local AWS answers (`harness/local/records/`).
"""

from __future__ import annotations

import functools
import itertools
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from harness.local.page import answers
from harness.local.page.parts.kinds import KINDS, PREFIX
from harness.local.records import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from harness.local.page.parts.asked import Asked, Local
    from harness.local.page.parts.kinds import Row
    from harness.local.page.resources import Resources
    from harness.local.protocol.messages import Response

LIMIT = 100
"""Records of a kind that are shown, the latest first."""

LISTED = ("Experiment", "Trial", "TrialComponent")


@dataclass(frozen=True)
class Record:
    """One record, as lists have it."""

    name: str
    status: str
    created: datetime
    url: str


@dataclass(frozen=True)
class Section:
    """A kind with what there is of it: rows of what is real, or records."""

    id: str
    title: str
    rows: Sequence[Row]
    records: Sequence[Record]


class Others:
    """Their list, and a page for each record."""

    def __init__(self, local: Local, resources: Resources) -> None:
        self._local = local
        self._resources = resources

    @functools.cached_property
    def _kinds(self) -> Mapping[str, kinds.Kind]:
        """The kinds of records."""
        return kinds.load(self._local.service.model)

    def all(self, asked: Asked) -> Response:
        """All that there are, or whose names have the words in them that are asked for."""
        words = asked.query.get("q", "").strip()
        found = [*self._real(asked.region, words), *self._records(asked.region, words)]
        return answers.html(
            "others.html", asked=asked, sections=found, words=words, limit=LIMIT, refresh=None
        )

    def _real(self, region: str, words: str) -> Iterator[Section]:
        for noun in LISTED:
            every = self._resources.rows(KINDS[noun], region, words)
            rows = [each for each in every if _has(each.name, words)]
            if rows:
                yield Section(noun, KINDS[noun].title, rows, [])

    def _records(self, region: str, words: str) -> Iterator[Section]:
        for kind in self._kinds.values():
            every = (_record(kind, region, each) for each in self._listed(kind, region))
            found = [each for each in every if _has(each.name, words)]
            if found:
                found.sort(key=lambda each: each.created, reverse=True)
                title = kinds.words(_operation(kind, "list").removeprefix("List"))
                title = title[:1].upper() + title[1:]
                yield Section(kind.noun, title, [], found[:LIMIT])

    def _listed(self, kind: kinds.Kind, region: str) -> Iterator[dict[str, Any]]:
        operation = _operation(kind, "list")
        member = kinds.summaries(self._local.service.model, operation)
        for members in self._requests(kind, region):
            answer = self._local.call(operation, region, {**members, "MaxResults": LIMIT})
            yield from (answer or {}).get(member, [])

    def _requests(self, kind: kinds.Kind, region: str) -> Iterator[dict[str, Any]]:
        """What a List operation is asked to tell of all: each parent, and each of its choices."""
        shape: Any = self._local.service.model.operation_model(
            _operation(kind, "list")
        ).input_shape  # fmt: skip
        parents: list[dict[str, Any]] = [{}]
        for noun, *members in kind.line.get("parents", []) if shape.required_members else []:
            if of := [each for each in members if each in shape.required_members]:
                every = self._listed(self._kinds[noun], region)
                parents = [{each: found[each] for each in of} for found in every]
        given = {name for each in parents for name in each}
        chosen = [each for each in shape.required_members if each not in given]
        choices = [shape.members[each].enum for each in chosen]
        for parent, values in itertools.product(parents, itertools.product(*choices)):
            yield {**parent, **dict(zip(chosen, values, strict=True))}

    def record(self, asked: Asked, noun: str, name: str) -> Response:
        """A record's own page: the answer of its Describe operation, and its tags."""
        kind = self._kinds.get(noun)
        if kind is None:
            return self._resources.missing(asked, f"There is no kind of record {noun}")
        client = self._local.client("sagemaker", asked.region)
        operation = _operation(kind, "describe")
        found = getattr(client, xform_name(operation))(**self._which(kind, operation, name))
        found.pop("ResponseMetadata")
        inner = found.get(noun)
        document = inner if isinstance(inner, dict) else found
        arn = document.get(kind.arn_member, "")
        tags = self._local.call("ListTags", asked.region, {"ResourceArn": arn}) if arn else None
        return answers.html(
            "record.html", asked=asked, words=kind.words, operation=operation, arn=arn,
            name=document.get(kind.name) or name, status=document.get(kind.status_member, ""),
            tags=[(each["Key"], each["Value"]) for each in (tags or {}).get("Tags", [])],
            document=found, refresh=None,
        )  # fmt: skip

    def _which(self, kind: kinds.Kind, operation: str, name: str) -> dict[str, Any]:
        """What its Describe operation is told of a record by its name on the page."""
        shape: Any = self._local.service.model.operation_model(operation).input_shape
        values = name.split("/", len(kind.key) - 1)
        return {
            member: int(value) if shape.members[member].type_name == "integer" else value
            for member, value in zip(kind.key, values, strict=False)
            if value
        }


def _operation(kind: kinds.Kind, verb: str) -> str:
    """Its operation that lists, or describes."""
    return next(name for name, each in kind.operations.items() if each == verb)


def _record(kind: kinds.Kind, region: str, found: dict[str, Any]) -> Record:
    key = [str(found.get(member) or "") for member in kind.key]
    name = " / ".join(filter(None, key)) if len(key) > 1 else str(found.get(kind.name) or key[0])
    path = urllib.parse.quote("/".join(key), safe="")
    query = urllib.parse.urlencode({"region": region})
    return Record(
        name, str(found.get(kind.status_member) or ""), found["CreationTime"],
        f"{PREFIX}/records/{kind.noun}/{path}?{query}",
    )  # fmt: skip


def _has(name: str, words: str) -> bool:
    return all(word in name.lower() for word in words.lower().split())
