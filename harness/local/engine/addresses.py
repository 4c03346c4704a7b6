"""Which address of a container leads from here to it, and whether it still does.

What is known of a container is what the engine said of it when it was inspected. This process may
be in one, too: then those that it makes are in its network.
"""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from docker.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import APIClient

PROBE_TIMEOUT = 1.5
"""Seconds within which a container on this machine takes or refuses a connection.

That is a fraction of a millisecond, or a second if the first packet came before the bridge had
taken up the container's port.
"""


DEFAULT_NETWORKS = ("bridge", "podman")
"""What the engine's default network is called: Docker's, and Podman's."""

MOUNTS = Path("/proc/self/mountinfo")

_OWN_FILES = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""Files of a container that its engine keeps in a folder whose name is the container's ID."""

_ID = re.compile(r"/(?:overlay-)?containers/(?P<id>[0-9a-f]{64})/")


class Inside(NamedTuple):
    """The container of the engine that this process is in, as other containers see it."""

    network: str
    """The name of its network; "host" is that of the engine's machine."""
    address: str
    """Its own there; empty in that of the machine."""

    @property
    def is_on_host(self) -> bool:
        """Whether it has the network of the engine's machine, and so the machine's addresses."""
        return self.network == "host"


def inside(api: APIClient, mounts: Path = MOUNTS) -> Inside | None:
    """The container that this process is in; None if it isn't in one of this engine's."""
    if (own := _own_id(mounts)) is None:
        return None
    try:
        found = api.inspect_container(own)
    except NotFound:  # another engine's
        return None
    mode = found["HostConfig"]["NetworkMode"]
    if mode == "host":
        return Inside(mode, "")
    networks = found["NetworkSettings"]["Networks"]
    name = mode if mode in networks else next(iter(networks), "")
    if not name or not (address := networks[name]["IPAddress"]):
        return None
    return Inside(name, address)


def _own_id(mounts: Path) -> str | None:
    """The ID of the container that this process is in, if it is in one.

    By what is mounted there ("/proc/pid/mountinfo" in Linux's manual: the fourth field is the root
    of the mount, the fifth where it is): the host name may be any.
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    for fields in map(str.split, lines):
        if len(fields) > 4 and fields[4] in _OWN_FILES and (found := _ID.search(fields[3])):
            return found["id"]
    return None


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
    names = (name for name in (mode, *DEFAULT_NETWORKS, *networks) if name in networks)
    network: Mapping[str, Any] = networks[next(names)]
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
