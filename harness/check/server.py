"""A run of `docker run IMAGE serve`, as SageMaker hosts it, and what is sent to it."""

from __future__ import annotations

import contextlib
import http.client
import re
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from harness.check.training_run import REGION, CannotStartError, Output
from harness.check.verdict import NotTriedError
from harness.local.data import opt_ml
from harness.local.engine import inspection
from harness.local.engine.errors import (
    ArchiveError,
    MissingFolderError,
    NotRunningError,
    StartError,
)
from harness.local.engine.startup import PING_INTERVAL, PORT, Pauses
from harness.local.hosting.containers.serving import MODEL_FOLDER, Instance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.check.inputs import Limits
    from harness.local.engine.container import Container
    from harness.local.engine.containers import Containers, Mounts
    from harness.local.engine.inspection import Listener

PATIENCE = 10
"""Seconds that a ping is waited for, beyond those that it may take, to see what it answers."""

SOCKETS_INTERVAL = 1.0
"""Seconds between two looks at the sockets of a container that can't be connected to."""

_PIECE = 1 << 16

_REFUSED = "the connection was refused"

Problem = Literal["", "ended", "nowhere", "elsewhere", "status", "slow"]

_TRACE = re.compile(
    r"Traceback \(most recent call last\)"  # Python
    r'|^\s*File "[^"]+", line \d+, in '
    r"|^\s*at [\w.$<>]+\([\w.]+\.(?:java|kt|scala):\d+\)"  # the JVM
    r"|^\s*at .*\(?/[\w./@-]+\.[cm]?[jt]s:\d+:\d+\)?"  # Node
    r"|^goroutine \d+ \["  # Go
    r"|^thread '.*' panicked at "  # Rust
    r"|^\s*from /[\w./-]+\.rb:\d+:in ",  # Ruby
    re.MULTILINE,
)


@dataclass(frozen=True)
class Exchange:
    """A request's answer; or with status None, why there was none."""

    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def words(self) -> str:
        """The status, and the beginning of the body where it is text."""
        if self.status is None:
            return f"no answer: {self.error}"
        text = " ".join(self.body[:400].decode(errors="replace").split())[:160]
        return f"{self.status}" + (f": {text}" if text.isprintable() and text else "")

    @property
    def trace(self) -> str:
        """The line of the body that belongs to a stack trace; empty if there is none."""
        found = _TRACE.search(self.body[: 1 << 20].decode(errors="replace"))
        return found[0].strip()[:120] if found else ""


@dataclass(frozen=True)
class Conditions:
    """How a server's container differs from a plain one with the model."""

    model: Callable[[], Iterator[bytes]] | None = None
    """The tar of what stands in /opt/ml/model."""
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = PORT
    isolated: bool = False
    mounts: Mounts | None = None
    memory: int | None = None


class Server:
    """A container that was started to serve, and why it doesn't, if so."""

    def __init__(self, container: Container, output: Output) -> None:
        self.container = container
        self.output = output
        self.instance: Instance | None = None
        self.problem: Problem = "nowhere"
        self.listeners: list[Listener] = []
        self.ping = Exchange(None, error="no ping was sent")
        """The last one before it was healthy, or given up."""
        self.seconds = 0.0
        """From its start to the first ping that was answered with 200."""

    @property
    def words(self) -> str:
        """What was seen of one that isn't healthy."""
        text = {
            "": f"GET /ping answered 200 after {self.seconds:.1f} s",
            "ended": f"the container ended with exit code {self.container.exit_code}",
            "nowhere": f"nothing listened on port {PORT} for {self.seconds:.0f} s",
            "elsewhere": f"it listens on {', '.join(map(str, self.listeners))}",
            "status": f"GET /ping answered {self.ping.words}",
            "slow": f"GET /ping took {self.ping.seconds:.1f} s",
        }[self.problem]
        if self.container.out_of_memory:
            text += ", out of memory"
        said = self.output.words.said if self.problem in {"ended", "nowhere"} else ""
        return f"{text}; {said}" if said else text

    def get(self, path: str, timeout: float) -> Exchange:
        return self._request("GET", path, None, {}, timeout)

    def invoke(
        self,
        body: bytes,
        content_type: str,
        timeout: float,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Exchange:
        sent = {"Content-Type": content_type, **headers}
        return self._request("POST", "/invocations", body, sent, timeout)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> Exchange:
        """Each over a connection of its own: how connections last is a check by itself."""
        if self.instance is None:
            return Exchange(None, error="the container doesn't run")
        begun = time.monotonic()
        connection = self.connect(timeout)
        try:
            connection.connect()
            # An address is given on when a container has ended, perhaps to the next one.
            if not self.container.has_address():
                return Exchange(None, error="the container has ended")
            # One that refuses a body may answer, and close, before it has read it.
            with contextlib.suppress(ConnectionError):
                connection.request(method, path, body, {"Connection": "close", **headers})
            answer = connection.getresponse()
            content = _read(answer, begun + timeout)
        except (OSError, http.client.HTTPException) as error:
            return Exchange(None, seconds=time.monotonic() - begun, error=_why(error, timeout))
        finally:
            connection.close()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        return Exchange(answer.status, content, kept, time.monotonic() - begun)

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """A connection to it, not made yet."""
        if self.instance is None:
            raise NotTriedError("the container has ended")
        pool = self.instance.http
        return http.client.HTTPConnection(pool.host, pool.port, timeout=timeout)

    def alive(self, timeout: float) -> bool:
        """Whether it still answers pings, or does so again within that time."""
        deadline = time.monotonic() + timeout
        while not self.container.exited.is_set():
            if self.get("/ping", timeout).status == 200:
                return True
            if time.monotonic() > deadline:
                break
            self.container.exited.wait(PING_INTERVAL)
        return False

    def close(self) -> None:
        if self.instance:
            self.instance.disconnect()
        self.container.remove()


def start(containers: Containers, image: str, conditions: Conditions, limits: Limits) -> Server:
    """Start a container, and wait until it is healthy, or never will be.

    Raises:
        CannotStartError: the engine could not run the command, or unpack the model.
    """
    container = containers.create(
        image,
        name="check-serve",
        hostname="model.aws.local",
        command=["serve"],
        environment={"AWS_REGION": REGION, **conditions.environment},
        port=conditions.port,
        isolated=conditions.isolated,
        mounts=conditions.mounts,
        memory=conditions.memory,
    )
    server = Server(container, Output())
    try:
        if conditions.mounts is None:
            try:
                _put(container, conditions.model)
            except ArchiveError as error:
                raise CannotStartError(f"its model can't be put there: {error}") from error
        begun = time.monotonic()
        try:
            container.start(server.output)
        except StartError as error:
            raise CannotStartError(str(error)) from error
        _wait(server, conditions.port, limits, begun)
        server.seconds = time.monotonic() - begun
    except BaseException:
        server.close()
        raise
    return server


def _put(container: Container, model: Callable[[], Iterator[bytes]] | None) -> None:
    try:
        container.put(MODEL_FOLDER, model() if model else opt_ml.tar_stream([]))
    except MissingFolderError:
        container.put("/", opt_ml.tar_stream(map(opt_ml.folder, opt_ml.MODEL_FOLDERS)))
        if model:
            container.put(MODEL_FOLDER, model())


def _wait(server: Server, port: int, limits: Limits, begun: float) -> None:
    """Ping until it is healthy, has ended, the time is up, or it has long enough been wrong."""
    container = server.container
    with contextlib.suppress(NotRunningError):
        server.instance = Instance(container)
    wrong_since: float | None = None
    looked, pauses = 0.0, Pauses()
    while True:
        if container.exited.is_set() or server.instance is None:
            container.exited.wait(limits.ping)
            server.problem = "ended"
            return
        server.ping = server.get("/ping", limits.ping + PATIENCE)
        now = time.monotonic()
        if server.ping.status == 200 and server.ping.seconds < limits.ping:
            server.problem = ""
            return
        if server.ping.status is not None:
            server.problem = "slow" if server.ping.status == 200 else "status"
        elif now - looked > SOCKETS_INTERVAL:
            looked = now
            server.listeners = inspection.listeners(container) or []
            refused = server.ping.error == _REFUSED
            server.problem = _where(server.listeners, port, refused=refused)
        # What can't become right is given up early; a server may still load what it serves.
        final = server.problem in {"elsewhere", "slow"} or server.ping.status == 404
        wrong_since = (wrong_since or now) if final else None
        if now - begun > limits.startup or (
            wrong_since is not None and now - wrong_since >= limits.elsewhere
        ):
            return
        container.exited.wait(pauses.next(answered=server.ping.status is not None))


def _where(listeners: list[Listener], port: int, *, refused: bool) -> Problem:
    """Where a container listens that can't be connected to: on another port or address, or nowhere.

    `[::]` is every address, IPv4's as well, unless it was asked for IPv6's only; connections are
    then refused.
    """
    there = [each for each in listeners if each.port == port and each.reachable]
    if not listeners or any(not (refused and each.is_ipv6) for each in there):
        return "nowhere"
    return "elsewhere"


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, however slowly it comes."""
    pieces = []
    while piece := answer.read1(_PIECE):
        pieces.append(piece)
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(pieces)


def _why(error: Exception, timeout: float) -> str:
    if isinstance(error, ConnectionRefusedError):
        return _REFUSED
    if isinstance(error, TimeoutError):
        return f"nothing came within {timeout:g} s"
    if isinstance(error, ConnectionError | http.client.HTTPException):
        return f"the connection was closed ({type(error).__name__})"
    return str(error)[:200]
