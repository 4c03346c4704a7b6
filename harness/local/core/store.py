"""What exists now: the resources of the local AWS, in a table for each kind, and their tags."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.local.protocol.messages import RequestContext


class Resource:
    """Something with an ARN that a Create operation makes and a Delete operation removes."""

    arn: str

    def on_tags(self, added: Mapping[str, str]) -> None:
        """These tags were added to it."""

    def abandon(self) -> None:
        """Nobody waits any more for what it does: its local AWS is being shut down."""


R = TypeVar("R", bound=Resource)


class Table(Generic[R]):
    """The resources of one kind. `kind` is what their ARNs call them: `training-job`.

    Hold the store's `lock` from looking one up to acting on what was found.
    """

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._resources: dict[str, R] = {}
        self.kind = kind

    def arn(self, context: RequestContext, name: str) -> str:
        """The ARN of a resource of this name, in the account and region of a call."""
        return context.arn(f"{self.kind}/{name}")

    def find(self, context: RequestContext, name: str) -> R | None:
        """The resource of this name in the account and region of a call."""
        return self._resources.get(self.arn(context, name))

    def get(self, arn: str) -> R | None:
        return self._resources.get(arn)

    def of(self, context: RequestContext) -> list[R]:
        """All in the account and region of a call, the oldest first."""
        with self._store.lock:
            return [
                each for arn, each in self._resources.items() if arn.startswith(context.arn(""))
            ]

    def all(self) -> list[R]:
        with self._store.lock:
            return list(self._resources.values())

    def add(self, resource: R, tags: Iterable[Mapping[str, str]] | None = None) -> None:
        """Keep a resource with the tags of its Create request (`[{"Key": …, "Value": …}]`)."""
        with self._store.lock:
            self._resources[resource.arn] = resource
            self._store.tags[resource.arn] = {tag["Key"]: tag["Value"] for tag in tags or ()}

    def saved(self) -> list[tuple[R, dict[str, str]]]:
        """All with their tags, the oldest first."""
        with self._store.lock:
            return [(each, self._store.tags[arn]) for arn, each in self._resources.items()]

    def restore(self, resource: R, tags: Mapping[str, str]) -> None:
        """Keep a resource that was saved, with the tags that it had."""
        self.add(resource, [{"Key": key, "Value": value} for key, value in tags.items()])

    def clear(self) -> list[R]:
        """Forget all, and their tags; returns them."""
        with self._store.lock:
            gone = list(self._resources.values())
            for each in gone:
                self.remove(each)
            return gone

    def remove(self, resource: R) -> None:
        """Forget a resource and its tags, if it is there, and not another one of its name."""
        with self._store.lock:
            if self._resources.get(resource.arn) is resource:
                del self._resources[resource.arn]
                self._store.tags.pop(resource.arn, None)

    def __contains__(self, arn: str) -> bool:
        return arn in self._resources


class Store:
    """The tables of one local AWS. Whoever provides a kind of resource asks for its table."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tags: dict[str, dict[str, str]] = {}
        """The tags of the resources, by ARN."""
        self._tables: dict[str, Table[Any]] = {}

    def table(self, kind: str) -> Table[Any]:
        """The table of a kind, which is made where it is first asked for."""
        with self.lock:
            if kind not in self._tables:
                self._tables[kind] = Table(self, kind)
            return self._tables[kind]

    def get(self, arn: str) -> Resource | None:
        """The resource of ours with this ARN."""
        table = self._tables.get(kind_of(arn))
        return table.get(arn) if table is not None else None

    def clear(self) -> None:
        """Forget all resources, and let what runs for them know that nobody waits for it."""
        with self.lock:
            for table in self._tables.values():
                for resource in table.clear():
                    resource.abandon()

    def close(self) -> None:
        """Let everything that runs in the background know that nobody waits for it any more."""
        with self.lock:
            for table in self._tables.values():
                for resource in table.all():
                    resource.abandon()


def kind_of(arn: str) -> str:
    """What an ARN calls the kind of its resource: `arn:aws:sagemaker:…:training-job/name`."""
    return arn.split(":", 5)[-1].partition("/")[0]
