"""Which address of a container leads from this machine to it, and whether it still does.

What is known of a container is what the engine said of it when it was inspected.
"""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBE_TIMEOUT = 1.5
"""Seconds within which a container on this machine takes or refuses a connection.

That is a fraction of a millisecond, or a second if the first packet came before the bridge had
taken up the container's port.
"""


def own_address(found: Mapping[str, Any], port: int) -> tuple[str, int] | None:
    """A container's own address and `port`, if they lead from here to it and to nothing else.

    The engine may be on another machine, in a virtual one, in a container or run without root,
    where the same address is nobody's, or somebody else's.
    """
    process = first_process(found)
    if not runs(process, found["Id"]):
        return None
    try:
        if (process / "uid_map").read_text() != Path("/proc/self/uid_map").read_text():
            return None
        network = first_network(found)
        if not network["Gateway"] or not network["IPAddress"]:
            return None
        with socket.socket() as beside:
            beside.bind((network["Gateway"], 0))  # only this machine's own addresses can be
        if _reaches(network["IPAddress"], port):
            return network["IPAddress"], port
    except OSError:
        pass
    return None


def first_network(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a container has in the network that it was created with; it may have joined others."""
    networks, mode = found["NetworkSettings"]["Networks"], found["HostConfig"]["NetworkMode"]
    network: Mapping[str, Any] = networks[mode if mode in networks else "bridge"]
    return network


def _reaches(host: str, port: int) -> bool:
    """Whether the container is there, if only to refuse, as it does while it doesn't listen yet."""
    for _ in range(2):
        with socket.socket() as probe:
            probe.settimeout(PROBE_TIMEOUT)
            answer = probe.connect_ex((host, port))
        # The kernel may have asked for the address before anybody had it, for a packet to the one
        # who had it last, and only now give that up: what asks again then finds the container.
        if answer != errno.EHOSTUNREACH:
            break
    return answer in (0, errno.ECONNREFUSED)


def first_process(found: Mapping[str, Any]) -> Path:
    """Where a container's first process is to be seen, if this machine's kernel runs it."""
    return Path("/proc") / str(found["State"]["Pid"])


def runs(process: Path, container_id: str) -> bool:
    """Whether it is a process of the container, and hasn't ended."""
    try:
        return container_id in (process / "cgroup").read_text()
    except OSError:
        return False
