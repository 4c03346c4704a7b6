"""What faults on demand do to an endpoint, and to its containers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.local.faults import events
from harness.local.faults.faults import MARK
from harness.local.hosting.containers.serving import DeployError

if TYPE_CHECKING:
    from harness.config.faults import Fault
    from harness.local.faults.faults import Faults
    from harness.local.hosting.containers.serving import Instance

NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    f"Please retry using a different ML instance type or after some time. ({MARK})"
)
"""What AWS says of an endpoint that there are no instances for, and that it was wanted so."""


class EndpointFaults:
    """Those that happen to the endpoint of that name."""

    def __init__(self, faults: Faults, endpoint: str) -> None:
        self._faults = faults
        self._endpoint = endpoint

    def _happens(self, event: str) -> Fault | None:
        """The fault by which this event happens now, if it does."""
        return self._faults.event(event, "CreateEndpoint", self._endpoint)

    def require_capacity(self) -> None:
        """Raise `DeployError` in AWS's words if there are to be no instances."""
        if self._happens(events.CAPACITY):
            raise DeployError(NO_CAPACITY)

    def begin(self, instance: Instance) -> None:
        """Let those come that are meant for a container that serves."""
        for event in (events.CONTAINER_EXIT, events.OUT_OF_MEMORY):
            if fault := self._happens(event):
                call = partial(instance.kill, out_of_memory=event == events.OUT_OF_MEMORY)
                events.after(fault.delay, call)

    def flaps(self) -> bool:
        """Whether the ping that is made now fails."""
        return self._happens(events.PING) is not None
