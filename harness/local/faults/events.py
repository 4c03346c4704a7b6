"""What faults do to jobs and endpoints, rather than to calls: their names, and when they come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CAPACITY = "InsufficientInstanceCapacity"
"""No instances: jobs and endpoints fail before they start."""

INTERRUPTION = "SpotInterruption"
"""The instances of managed spot training are taken away."""

OUT_OF_MEMORY = "OutOfMemory"
"""The kernel kills a container."""

HOST_LOST = "HostLost"
"""One host of several is gone."""

DATA_ERROR = "DataError"
"""S3 fails in the middle of a channel."""

SLOW_DATA = "SlowData"
"""S3 takes its time with each MB of a channel."""

PING = "PingFailure"
"""A ping of a container that starts, or serves an endpoint, fails, whatever that answers."""

CONTAINER_EXIT = "ContainerExit"
"""An endpoint's container dies."""


def after(seconds: float, call: Callable[[], None]) -> threading.Timer:
    """Call it in a thread of its own after so many seconds, unless it is cancelled."""
    timer = threading.Timer(seconds, call)
    timer.name, timer.daemon = "fault", True
    timer.start()
    return timer
