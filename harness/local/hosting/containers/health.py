"""The health of containers that serve: `GET /ping`, asked again and again while they do.

"How Your Container Should Respond to Health Check (Ping) Requests" in AWS's developer guide says
that pings go on, and that unhealthy instances are replaced; how many must fail, it doesn't.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from harness.errors import EngineError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from harness.local.hosting.containers.serving import Instance

_log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Seconds between two pings of a container."""

AGAIN = 1.0
"""The same after one that has failed."""

FAILURES = 3
"""Pings that fail in a row before a container is replaced."""


def watch(
    name: str,
    instances: Callable[[], Sequence[Instance]],
    flaps: Callable[[], bool],
    stopped: threading.Event,
) -> None:
    """Ping an endpoint's containers until it is stopped, and end those that don't answer.

    That they have ended lets the endpoint replace them. One that is answering a request isn't
    pinged: many answer one at a time. Nor is one that is debugged, which may stand still.

    Args:
        name: the endpoint's.
        instances: its containers of the moment.
        flaps: asked before each ping; true is a ping that fails.
        stopped: set when there is nothing more to watch.
    """
    failed: dict[Instance, int] = {}
    wait = INTERVAL
    while not stopped.wait(wait):
        failed = {
            each: _failures(each, failed.get(each, 0), flaps)
            for each in instances()
            if not each.container.exited.is_set()
        }
        wait = AGAIN if any(failed.values()) else INTERVAL
        for instance, count in failed.items():
            if count >= FAILURES and not stopped.is_set():
                _log.warning(
                    "%s of endpoint %s is unhealthy: GET /ping did not answer 200 within 2 s, "
                    "%d times in a row", instance.container.name, name, count,
                )  # fmt: skip
                _end(instance)


def _failures(instance: Instance, before: int, flaps: Callable[[], bool]) -> int:
    """How many pings in a row have failed, with the one that is made now."""
    if not flaps() and (instance.requests or instance.is_debugged or instance.ping()):
        return 0
    # It may be waiting for the next request of a connection that we hold.
    instance.connections.rest()
    return before + 1


def _end(instance: Instance) -> None:
    try:
        instance.stop(0)
    except EngineError as error:
        _log.warning("%s was not ended: %s", instance.container.name, error)
