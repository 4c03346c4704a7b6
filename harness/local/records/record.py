"""A resource that is kept, and does nothing."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.local.core.documents import plain
from harness.local.core.store import Resource

if TYPE_CHECKING:
    from datetime import datetime

ELEMENT = 64
"""Bytes of memory that a member or element takes beside its text."""


@dataclass
class Record(Resource):
    """`values` is what requests have said of it, by the names of their members, without tags."""

    noun: str
    """What its operations call it: `UserProfile`."""
    arn: str
    values: dict[str, Any]
    status: str
    """Empty if its kind has none."""
    created: datetime
    modified: datetime
    history: list[Any] = field(default_factory=list)
    """The values that it had before, of a kind that has versions, each with the time of its last
    change: `[values, modified]`."""
    token: str = ""
    """The client's, of the request that created it."""
    size: int = 0
    """What `measure` was when it was last changed."""
    numbered: int = 0
    """How many of those in it have been given a number."""

    def measure(self) -> int:
        """About how many bytes of memory it takes."""
        text = json.dumps(plain([self.values, self.history]))
        return len(text) + ELEMENT * sum(map(text.count, ",[{"))

    def saved(self) -> dict[str, Any]:
        """For `Record(**saved)`."""
        return dataclasses.asdict(self)

    def versions(self) -> list[Record]:
        """Itself as it was and is, the oldest first."""
        return [
            *(replace(self, values=values, modified=at, history=[]) for values, at in self.history),
            self,
        ]
