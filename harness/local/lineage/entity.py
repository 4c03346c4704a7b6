"""What experiments and lineage consist of: entities with an ARN, which are linked to each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from harness.local.core.store import Resource
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext
from harness.local.protocol.paging import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Store, Table

DEFAULT_PAGE = 10
"""Entities that are listed at once where the request doesn't say (`MaxResults` in AWS's API
reference)."""

PLACE = "Place"
"""What lists are in the order of where two entities are alike in all else: their ARN."""

KINDS = ("experiment", "experiment-trial-component", "artifact", "action", "context")
"""What associations may be between (`AssociationEntityArn` in the service model)."""


class Link(NamedTuple):
    """An association, as the entities at its two ends have it."""

    arn: str
    """Of the other end."""
    kind: str | None
    """`AssociationType`."""
    created: datetime
    by_hand: bool = True
    """Whether somebody has made it, and not a job."""


class Entity(Resource):
    """One of a kind. ARNs are in small letters, whatever the name's are, as AWS has them."""

    noun: ClassVar[str]
    """`Trial`: what the members of requests and answers begin with."""
    kind: ClassVar[str]
    """`experiment-trial`: what ARNs call it."""

    def __init__(self, arn: str, name: str | None, members: Mapping[str, Any]) -> None:
        self.arn = arn
        self.name = name
        self.members = dict(members)
        self.created = datetime.now(UTC)
        self.modified = self.created
        self.by_hand = True
        """Whether somebody has made it, and not a job."""
        self.to: dict[str, Link] = {}
        """The associations that it is the source of, by the destination's ARN."""
        self.by: dict[str, Link] = {}
        """Those that it is the destination of, by the source's ARN."""

    @property
    def type(self) -> str:
        """`DataSet`: what lineage calls it."""
        return self.noun

    @property
    def source_type(self) -> str:
        """The same in lists of associations."""
        return self.type

    def settle(self, store: Store) -> None:
        """Learn what has happened to what it is of."""

    def changed(self) -> None:
        self.modified = datetime.now(UTC)

    def describe(self) -> dict[str, Any]:
        return {
            **self.members,
            f"{self.noun}Name": self.name,
            f"{self.noun}Arn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        }

    def summary(self) -> dict[str, Any]:
        """What lists show of it; what their model doesn't have is left out of an answer."""
        return self.describe()

    def saved(self) -> dict[str, Any]:
        return {
            "arn": self.arn,
            "name": self.name,
            "members": self.members,
            "created": self.created,
            "modified": self.modified,
            "by_hand": self.by_hand,
            "to": list(self.to.values()),
            "by": list(self.by.values()),
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        """The entity that was saved."""
        entity = cls(saved["arn"], saved["name"], saved["members"])
        entity.created, entity.modified = saved["created"], saved["modified"]
        entity.by_hand = saved["by_hand"]
        entity.to = {link[0]: Link(*link) for link in saved["to"]}
        entity.by = {link[0]: Link(*link) for link in saved["by"]}
        return entity


def settle(store: Store) -> None:
    """Let all entities know what has happened to the jobs that they are of."""
    with store.lock:
        for each in store.table("experiment-trial-component").all():
            each.settle(store)


def find(store: Store, context: RequestContext, arn: str) -> Entity:
    """The entity of an ARN in the account and region of a call. Raises `ResourceNotFound`."""
    found = store.get(arn.lower()) if arn.startswith(context.arn("")) else None
    if not isinstance(found, Entity):
        raise AwsError("ResourceNotFound", f"Lineage entity '{arn}' does not exist.")
    return found


def link(source: Entity, destination: Entity, kind: str | None, *, by_hand: bool = True) -> None:
    """Associate one with another, in place of an association that there is between them."""
    now = datetime.now(UTC)
    source.to[destination.arn] = Link(destination.arn, kind, now, by_hand)
    destination.by[source.arn] = Link(source.arn, kind, now, by_hand)


def context_of(arn: str) -> RequestContext:
    """The account and region of an ARN."""
    _, _, service, region, account_id, _ = arn.split(":", 5)
    return RequestContext(service, "", region, account_id, "")


def group_arn(context: RequestContext) -> str:
    """The ARN of the lineage group that all entities of an account are in."""
    return context.arn("lineage-group/sagemaker-default-lineage-group")


def listed(
    summaries: Iterable[tuple[str, dict[str, Any]]],
    request: Mapping[str, Any],
    *,
    member: str,
    name: str = "",
) -> dict[str, Any]:
    """A page of what is listed, each with the ARN that is its place among its like.

    `name` is the member that `SortBy` calls `Name`. `CreatedAfter` and `CreatedBefore` leave out
    what isn't created between them.
    """
    asked = dict(request)
    for short, whole in (
        ("CreatedAfter", "CreationTimeAfter"),
        ("CreatedBefore", "CreationTimeBefore"),
    ):
        if short in asked:
            asked[whole] = asked[short]
    if asked.get("SortBy") == "Name":
        asked["SortBy"] = name
    answer = page(
        [{**summary, f"{PLACE}Name": place} for place, summary in summaries],
        asked,
        member=member,
        noun=PLACE,
        descending=True,
        default_page=DEFAULT_PAGE,
    )
    for each in answer[member]:
        del each[f"{PLACE}Name"]
    return answer


E = TypeVar("E", bound=Entity)


class Entities(Generic[E]):
    """What the operations on each kind do alike."""

    kind: ClassVar[type[Entity]]
    words: ClassVar[str]
    """`Trial component`: what errors call it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        self._table: Table[E] = backend.store.table(self.kind.kind)

    def saved(self) -> list[dict[str, Any]]:
        """All of the kind, for `restore`."""
        return [{"entity": each.saved(), "tags": tags} for each, tags in self._table.saved()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        for each in saved:
            entity: Any = self.kind.restored(each["entity"])
            self._table.restore(entity, each["tags"])

    def _arn(self, context: RequestContext, name: str) -> str:
        """The ARN of a name, or of what is an ARN already."""
        if name.startswith("arn:"):
            return name.lower()
        return context.arn(f"{self.kind.kind}/{name.lower()}")

    def _find(self, context: RequestContext, name: str) -> E:
        """The one of a name or ARN. Raises `ResourceNotFound`."""
        arn = self._arn(context, name)
        found = self._table.get(arn) if arn.startswith(context.arn("")) else None
        if found is None:
            raise AwsError("ResourceNotFound", f"{self.words} '{arn}' does not exist.")
        return found

    def _check_name(self, context: RequestContext, name: str) -> str:
        """The ARN of a name that is to be taken. Raises `ValidationException` if it is already."""
        arn = self._arn(context, name)
        if arn in self._table:
            raise AwsError(
                "ValidationException",
                f"{self.words} names must be unique within an AWS account and region. {self.words} "
                f"with name ({name}) already exists.",
            )
        return arn

    def _list(
        self,
        context: RequestContext,
        request: Mapping[str, Any],
        member: str,
        wanted: Callable[[E], bool] = lambda _: True,
    ) -> dict[str, Any]:
        with self._store.lock:
            summaries = [
                (each.arn, each.summary()) for each in self._table.of(context) if wanted(each)
            ]
        return listed(summaries, request, member=member, name=f"{self.kind.noun}Name")

    def _answer(self, entity: Entity) -> dict[str, Any]:
        return {f"{self.kind.noun}Arn": entity.arn}

    def _delete(self, entity: E) -> dict[str, Any]:
        """Forget one. Raises `ValidationException` while it has associations."""
        if entity.to or entity.by:
            raise AwsError(
                "ValidationException",
                f"{self.words} '{entity.arn}' is linked to 1 or more associations and cannot be "
                "deleted.",
            )
        self._table.remove(entity)
        return self._answer(entity)
