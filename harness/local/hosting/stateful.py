"""Stateful sessions of an endpoint: which container has which, as the containers say.

"Stateful sessions with Amazon SageMaker models" in AWS's developer guide: a request with the
session id `NEW_SESSION` lets the container begin one, which it names in a header of its answer;
requests with that id then go to the same container, until it says that the session is closed.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from harness.local.hosting.containers.serving import Instance
    from harness.local.hosting.variant import Variant

NEW = "NEW_SESSION"

MOST = 10_000
"""Sessions that are known at once; the oldest is forgotten then."""


class _Session(NamedTuple):
    variant: Variant
    instance: Instance
    expires: datetime | None


class Sessions:
    """Those of one endpoint. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Session] = {}

    def find(self, name: str) -> tuple[Variant, Instance] | None:
        """Whose it is; None if it isn't open, or its container is gone."""
        with self._lock:
            session = self._open.get(name)
            if session is None:
                return None
            expired = session.expires is not None and datetime.now(UTC) >= session.expires
            if expired or session.instance not in session.variant.instances:
                del self._open[name]
                return None
            return session.variant, session.instance

    def began(self, header: str, variant: Variant, instance: Instance) -> None:
        """A container has begun one: `id; Expires=yyyy-mm-ddThh:mm:ssZ`."""
        name, _, rest = header.partition(";")
        with self._lock:
            self._open[name.strip()] = _Session(variant, instance, _expiry(rest))
            if len(self._open) > MOST:
                del self._open[next(iter(self._open))]

    def closed(self, name: str) -> None:
        """A container has closed it."""
        with self._lock:
            self._open.pop(name.strip(), None)


def _expiry(text: str) -> datetime | None:
    key, _, value = text.strip().partition("=")
    if key.lower() != "expires":
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
