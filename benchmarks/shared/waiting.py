"""Waiting for what takes its time, up to a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_until(
    look: Callable[[], T | None], late: Callable[[], str], *, limit: float, poll: float
) -> T:
    """The first thing that `look` finds to be true; SystemExit with what `late` says otherwise."""
    deadline = time.monotonic() + limit
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit(late())
        time.sleep(poll)
    return found
