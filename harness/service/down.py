"""The end of the service and of all it runs: what `harness down` does."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.errors import ServiceError
from harness.service.state import find_at_once

if TYPE_CHECKING:
    from harness.service.state import Running

STOP_SECONDS = 120
"""In which a service must have ended, with all it runs; then it is killed."""

_KILL_SECONDS = 10


def down() -> Running | None:
    """End the service and all it runs, and wait for it; None if there was none.

    Raises:
        ServiceError: it had to be killed.
    """
    found = find_at_once()
    if found is None:
        return None
    try:
        # Never another process that has the number by now.
        process = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return found
    try:
        if _end(process, signal.SIGTERM, STOP_SECONDS):
            return found
        _end(process, signal.SIGKILL, _KILL_SECONDS)
    finally:
        os.close(process)
    raise ServiceError(
        f"the local AWS of process {found.pid} had not ended after {STOP_SECONDS} s and was "
        "killed; `harness clean` removes what it may have left."
    )


def _end(process: int, number: signal.Signals, seconds: float) -> bool:
    """Send the signal to a process by its descriptor; whether it has ended within `seconds`."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, number)
    ended, _, _ = select.select([process], [], [], seconds)
    return bool(ended)
