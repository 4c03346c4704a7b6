"""What is seen of an image or a container from outside: its files, its sockets, its memory."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from docker.errors import APIError, NotFound

from harness.local.engine import addresses
from harness.local.engine.errors import engine_errors, engine_words

if TYPE_CHECKING:
    from pathlib import Path

    from docker import APIClient

    from harness.local.engine.container import Container

ENGINES_RESOLVER = "127.0.0.11"
"""The address at which containers in a network of their own find the engine's name server."""

_NO_REFERENCE = "invalid reference format"
"""The engine's words for a name that no image can have."""

_LISTEN = "0A"
"""The state of a socket that listens, in /proc/net/tcp."""


class Listener(NamedTuple):
    """A TCP socket that listens in a container."""

    host: str
    port: int

    @property
    def reachable(self) -> bool:
        """Whether it is to be reached from outside: not only by the container itself."""
        return not ipaddress.ip_address(self.host).is_loopback

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def image(api: APIClient, name: str) -> dict[str, Any]:
    """What the engine says of an image: architecture, size, configuration."""
    with engine_errors():
        return dict(api.inspect_image(name))  # type: ignore[no-untyped-call]


def has_image(api: APIClient, name: str) -> bool:
    """Whether an image is on the engine's machine."""
    with engine_errors():
        try:
            api.inspect_image(name)  # type: ignore[no-untyped-call]
        except NotFound:
            return False
    return True


def missing_image(api: APIClient, name: str, login: dict[str, str] | None = None) -> str | None:
    """Why there is no such image, neither here nor in its registry; None if there is.

    `login` is the registry's, where that isn't in the engine's configuration.
    """
    if {"", ".", ".."} & set(name.split("/")):  # the engine would take another path of its API
        return _NO_REFERENCE
    with engine_errors():
        try:
            api.inspect_image(name)  # type: ignore[no-untyped-call]
        except NotFound:
            pass
        except APIError as error:
            if error.status_code != HTTPStatus.BAD_REQUEST:
                raise
            return engine_words(error)
        else:
            return None
        try:
            api.inspect_distribution(name, auth_config=login)  # type: ignore[no-untyped-call]
        except APIError as error:
            return engine_words(error)
    return None


def history(api: APIClient, name: str) -> list[str]:
    """The commands that made an image's layers, the first one first."""
    with engine_errors():
        return [str(layer["CreatedBy"]) for layer in reversed(_layers(api, name))]


def _layers(api: APIClient, name: str) -> list[dict[str, Any]]:
    return list(api.history(name))  # type: ignore[no-untyped-call]


def changes(container: Container) -> list[str]:
    """The paths of what was added, changed or removed in a container, but for its volumes."""
    with engine_errors():
        return [str(change["Path"]) for change in container.api.diff(container.id) or []]


def memory(container: Container) -> int:
    """Bytes that its processes take, without what the kernel could give up at once."""
    with engine_errors():
        found = container.api.stats(container.id, stream=False, one_shot=True)
    stats = found["memory_stats"]
    details = stats.get("stats", {})
    # Control groups of version 1 name it so, those of version 2 without "total".
    idle = details.get("total_inactive_file", details.get("inactive_file", 0))
    return int(stats.get("usage", 0)) - int(idle)


def listeners(container: Container) -> list[Listener] | None:
    """The TCP sockets that listen in it; None if that can't be seen."""
    texts = [_process_file(container, f"net/{name}") for name in ("tcp", "tcp6")]
    if texts == [None, None]:
        return None
    found = [each for text in texts if text for each in read_listeners(text)]
    return [each for each in found if each.host != ENGINES_RESOLVER]


def read_listeners(text: str) -> list[Listener]:
    """Those of a /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTEN:
            host, _, port = fields[1].partition(":")
            found.append(Listener(_address(host), int(port, 16)))
    return found


def _address(digits: str) -> str:
    """An address as the kernel prints it: words of 32 bits, each in the machine's byte order."""
    words = [bytes.fromhex(digits[at : at + 8]) for at in range(0, len(digits), 8)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def hears(container: Container, signal: int) -> bool | None:
    """Whether the container's process 1 does something about a signal; None if it can't be seen.

    The kernel drops what process 1 has neither a handler nor a wait for.
    """
    text = _process_file(container, "status")
    if text is None:
        return None
    masks = dict(line.split(":", 1) for line in text.splitlines() if line.startswith("Sig"))
    bit = 1 << (signal - 1)
    return any(int(masks.get(name, "0"), 16) & bit for name in ("SigCgt", "SigBlk"))


def _process_file(container: Container, name: str) -> str | None:
    """A file about the container's process 1: seen from here, or by a `cat` in the container."""
    with engine_errors():
        found = container.api.inspect_container(container.id)
    if not found["State"]["Running"]:
        return None
    process: Path = addresses.first_process(found)
    if addresses.runs(process, container.id):
        with contextlib.suppress(OSError):
            return (process / name).read_text()
    with engine_errors():
        try:
            made = container.api.exec_create(container.id, ["cat", f"/proc/1/{name}"])
            said = container.api.exec_start(made["Id"])
            status = container.api.exec_inspect(made["Id"])["ExitCode"]
        except (NotFound, APIError):
            return None
    return said.decode(errors="replace") if status == 0 else None
