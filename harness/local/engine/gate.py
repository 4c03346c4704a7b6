"""The gate of an isolated container: a second one in its network, which leads in to one port.

The network has no address of the engine's machine, so that nothing in it gets out, and nobody gets
in. The gate is in it, and in an ordinary one besides: whatever connects to it from this machine is
connected to the port. It listens at its ordinary address only, and passes nothing the other way.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from harness.errors import EngineError
from harness.local.engine.errors import NoGateError, StartError, engine_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.local.engine.networks import JobNetwork

NAME = "gate"
"""Its host name, which has an address in the network beside the isolated container's."""

MEMORY = 1 << 27
"""Bytes that it may take."""

COMMAND = ("python3", "-I", "-S", "-u", "-c")
"""What runs the program, in whichever image has it."""

# Standard library, and any Python 3. Who is a neighbour in its ordinary network, where other
# containers are, is let in only if it is asked to: this machine comes from the network's gateway.
PROGRAM = """\
import socket, struct, sys, threading

host, port, neighbours = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "neighbours"
rows = [line.split() for line in open("/proc/net/route")][1:]
routes = [(int(row[1], 16), int(row[2], 16), int(row[7], 16)) for row in rows]
outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
outer.connect(("192.0.2.1", 9))  # sends nothing, but tells the address that leads out


def is_let_in(address):
    number = struct.unpack("=I", socket.inet_aton(address))[0]
    beside = any(number & mask == to for to, gateway, mask in routes if not gateway)
    return neighbours or not beside or any(number == gateway for _, gateway, _ in routes)


def copy(source, target):
    try:
        for data in iter(lambda: source.recv(65536), b""):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, target):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(outside):
    with outside:
        try:
            inside = socket.create_connection((host, port), 5)
        except OSError:
            return
        with inside:
            inside.settimeout(None)
            for each in (inside, outside):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=copy, args=(inside, outside), daemon=True)
            back.start()
            copy(outside, inside)
            back.join()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((outer.getsockname()[0], port))
listener.listen(128)
while True:
    connection, peer = listener.accept()
    if is_let_in(peer[0]):
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
    else:
        connection.close()
"""

_log = logging.getLogger(__name__)


class Program(Protocol):
    """A container that runs the program: `Container`, as far as a gate needs it."""

    @property
    def id(self) -> str: ...

    @property
    def address(self) -> tuple[str, int]: ...

    def has_address(self) -> bool: ...

    def start(self, on_line: Callable[[str], None], on_exit: Callable[[], None]) -> None: ...

    def remove(self) -> None: ...


class Gate:
    """A network for one isolated container, and once it is `open` the way in to its port.

    Args:
        network: has an address for the container, and one for `NAME`.
        images: where a Python is looked for, the likeliest first.
        create: makes a gate's container of an image.
    """

    def __init__(
        self, network: JobNetwork, images: Iterable[str], create: Callable[[str], Program]
    ) -> None:
        self.network = network
        self._images = images
        self._create = create
        self._container: Program | None = None

    def open(self, on_loss: Callable[[], None]) -> None:
        """Start it; `on_loss` is called from a thread of its own when it has ended.

        Raises `NoGateError` if no image at hand has a Python to run it with.
        """
        for image in self._images:
            self._container = self._create(image)
            with engine_errors():
                self.network.join(self._container.id, NAME)
            try:
                self._container.start(lambda line: _log.warning("gate: %s", line), on_loss)
            except StartError:
                self._container.remove()
                continue
            return
        raise NoGateError(
            "a container without a network (EnableNetworkIsolation) is reached through a small "
            "program for python3, which neither its image nor any that the harness has built has; "
            "put a Python 3 into the image, or leave EnableNetworkIsolation to AWS"
        )

    @property
    def container(self) -> Program:
        """The one that listens where the isolated one's port is reached."""
        if self._container is None:
            raise EngineError("the way in to an isolated container was never opened")
        return self._container

    def remove(self) -> None:
        """Remove it and the network, once the isolated container is. May be called twice."""
        if self._container is not None:
            self._container.remove()
        self.network.remove()
