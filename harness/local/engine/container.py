"""One Docker container: filled, started, followed, reached, stopped and removed."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from docker.errors import APIError

from harness.errors import EngineError
from harness.local.engine import addresses, errors, log_lines
from harness.local.engine.addresses import DEFAULT_NETWORKS
from harness.local.engine.archives import Archives
from harness.local.engine.errors import (
    UNREACHABLE,
    NotRunningError,
    StartError,
    engine_errors,
    engine_words,
    ignore_gone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from docker import APIClient
    from docker.models.containers import Container as DockerContainer
    from testcontainers.core.docker_client import DockerClient

    from harness.local.engine.archives import Archive
    from harness.local.engine.gate import Gate
    from harness.local.engine.streams.pieces import Piece

KILLED = 128 + signal.SIGKILL
"""The exit code of a container that was killed."""

EVENT_TIMEOUT = 0.5
"""Seconds after a container's end in which the engine tells of what killed it."""

DISCARD_PORT = 9
"""A port that a container is tried at, whichever it is."""

OUTPUT_TIMEOUT = 10
"""Seconds after its end in which the last output of a container must have come."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Who makes containers, and keeps each until it is removed."""

    bridge_leads: bool | None
    """Whether containers are reached at their own addresses, once one was tried."""
    inside: addresses.Inside | None
    """The container that this process is in."""

    def forget(self, container: Container) -> None:
        """It is removed."""


class Container:
    """One container: created, filled with files, started, followed, stopped, removed.

    `exited` is set once it has ended; then `exit_code` holds its code (None if the engine was
    lost), and `out_of_memory` whether the kernel killed it, or a process in it, before it failed.
    """

    def __init__(
        self,
        owner: Owner,
        client: DockerClient,
        container: DockerContainer,
        port: int | None,
        gate: Gate | None,
    ) -> None:
        self._owner = owner
        self._client = client
        self._container = container
        self._port = port
        self._gate = gate
        self._archives = Archives(client.client.api, cast("str", container.id))
        self._process: Path | None = None
        """Its first one, if this machine's kernel runs it."""
        self._waiter: threading.Thread | None = None
        self._ended_by_us = False
        self._starves = False
        self._removing = threading.Lock()
        self._ending = threading.Lock()
        self._at_end: list[Callable[[], None]] = []
        self.removed = False
        self.exited = threading.Event()
        self.exit_code: int | None = None
        self.out_of_memory = False

    @property
    def id(self) -> str:
        return cast("str", self._container.id)

    @property
    def name(self) -> str:
        return cast("str", self._container.name)

    @property
    def api(self) -> APIClient:
        """The engine, for this folder's other modules."""
        return self._client.client.api

    def put(self, path: str, tar: Iterable[Piece]) -> None:
        """Extract a tar in the folder `path`, as `Archives.put` does."""
        self._archives.put(path, tar)

    def get(self, path: str) -> Archive | None:
        """Stream a file or folder as a tar, as `Archives.get` does."""
        return self._archives.get(path)

    def start(
        self, on_line: Callable[[str], None], on_exit: Callable[[], None] | None = None
    ) -> None:
        """Start it; `on_line` gets each line of its output, in order, from a thread of its own.

        Raises `StartError` with the engine's words, if there is no such command for instance.
        """
        with engine_errors():
            try:
                # Attached before the start, so that no output is missed, whatever logging driver
                # the engine has.
                output = self._container.attach(stdout=True, stderr=True, stream=True, demux=True)
                try:
                    self._client.start(self._container)
                except BaseException:
                    _close(output)
                    raise
            except APIError as error:
                raise StartError(engine_words(error)) from error
        reader = threading.Thread(
            target=self._read, args=(output, on_line), name=f"read-{self.name}", daemon=True
        )
        reader.start()
        self._waiter = threading.Thread(
            target=self._wait, args=(reader, on_exit), name=f"wait-{self.name}", daemon=True
        )
        self._waiter.start()
        if self._gate is not None:
            self._gate.open(self._on_gate_loss)

    def _on_gate_loss(self) -> None:
        """Without its gate it can't be reached: end it, so that its owner replaces it."""
        if not self._ended_by_us and not self.exited.is_set():
            _log.warning("container %s has lost its gate, and is ended", self.name)
            with contextlib.suppress(EngineError):
                self.stop(0)

    def _read(
        self,
        output: Iterable[tuple[bytes | None, bytes | None]],
        on_line: Callable[[str], None],
    ) -> None:
        try:
            for line in log_lines.lines_of_both(output):
                on_line(line)
        except (*UNREACHABLE, ValueError) as error:
            _log.debug("lost the output of container %s: %s", self.name, error)
        finally:
            _close(output)

    def _wait(self, reader: threading.Thread, on_exit: Callable[[], None] | None) -> None:
        try:
            if (self._port, self._owner.bridge_leads, self._owner.inside) == (None, None, None):
                self._try_bridge()
            self.exit_code = int(self._container.wait()["StatusCode"])
            reader.join(OUTPUT_TIMEOUT)
            if self.exit_code and not self._ended_by_us:
                self.out_of_memory = self._was_out_of_memory()
        except (*UNREACHABLE, ValueError) as error:
            # Removed while it ran (ours to do, at shutdown), or the engine is gone.
            _log.debug("lost container %s: %s", self.name, error)
        finally:
            with self._ending:
                self.exited.set()
            for call in self._at_end:
                call()
            if on_exit:
                on_exit()

    def when_exited(self, call: Callable[[], None]) -> None:
        """Call that once it has ended, from a thread of its own, or now if it has already."""
        with self._ending:
            if not self.exited.is_set():
                self._at_end.append(call)
                return
        call()

    def _try_bridge(self) -> None:
        """See whether it is reached at its own address; where it doesn't listen, it refuses."""
        found = self._inspect()
        networks = found["NetworkSettings"]["Networks"]
        if found["State"]["Running"] and any(name in networks for name in DEFAULT_NETWORKS):
            leads = addresses.own_address(found, DISCARD_PORT) is not None
            self._owner.bridge_leads = self._owner.bridge_leads or leads

    def _was_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of it for want of memory.

        The engine hears of an end and of the kernel's reason in two ways: where the end comes
        first, as it may on a busy machine, only an event that follows tells the reason.
        """
        if self._starves:
            return True
        api = self._client.client.api
        state = self._inspect()["State"]
        if state.get("OOMKilled"):
            return True
        begun, ended = (
            datetime.fromisoformat(state[each]).timestamp() for each in ("StartedAt", "FinishedAt")
        )
        events = api.get(
            f"{api.base_url}/v{api.api_version}/events",
            params={
                "since": f"{begun:.6f}",
                "until": f"{ended + EVENT_TIMEOUT * (self.exit_code == KILLED):.6f}",
                "filters": json.dumps({"container": [self.id], "event": ["oom"]}),
            },
            timeout=errors.TIMEOUT,
        )
        return events.ok and bool(events.content)

    def _inspect(self) -> dict[str, Any]:
        """What the engine says of it, once it is free to."""
        with self._archives.alone():
            return dict(self._client.client.api.inspect_container(self.id))

    def usage(self) -> dict[str, Any]:
        """What it has used of processors and memory, as the engine's API says it.

        Raises EngineError if the engine is lost, or the container gone.
        """
        with engine_errors(), self._archives.alone():
            return dict(self.api.stats(self.id, stream=False, one_shot=True))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port at which this machine reaches the container's port.

        Its own address where that can be: the engine's proxy, which is behind the published port,
        takes as long as many a model, and half of the processor.

        Raises `NotRunningError` if the container has ended.
        """
        if self._gate is not None:
            return self._gate.container.address
        with engine_errors():
            found = self._inspect()
        process = addresses.first_process(found)
        if addresses.runs(process, self.id):
            self._process = process
        settings, port = found["NetworkSettings"], cast("int", self._port)
        inside = self._owner.inside
        if inside and inside.network in settings["Networks"]:
            host = settings["Networks"][inside.network]["IPAddress"]
        elif not found["HostConfig"]["PortBindings"]:
            host = addresses.first_network(found)["IPAddress"]
        elif own := addresses.own_address(found, port):
            host, port = own
            self._owner.bridge_leads = True
        else:
            bindings = (settings["Ports"] or {}).get(f"{port}/tcp") or [{"HostPort": 0}]
            machine = "localhost" if inside and inside.is_on_host else self._client.host()
            host, port = machine, int(bindings[0]["HostPort"])
        if not host or not port:
            raise NotRunningError(f"container {self.name} has ended")
        return "127.0.0.1" if host == "localhost" else host, port

    def has_address(self) -> bool:
        """Whether `address`, once taken, is still this container's.

        The engine gives an address on when a container has ended, often to the next one. So ask
        when a connection has been made, before anything is sent: the process lives longer than the
        address is kept.
        """
        if self._gate is not None:
            return self._gate.container.has_address()
        return self._process is None or addresses.runs(self._process, self.id)

    def stop(self, grace: int) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds; returns when it has ended."""
        if self.exited.is_set():
            return
        self._ended_by_us = True
        # The engine answers only once it has stopped, so this call outlasts the usual limit.
        self._archives.wait()
        with engine_errors():
            ignore_gone(self._client.client.api.stop, self.id, timeout=grace)
        self.exited.wait(errors.TIMEOUT)

    def kill(self, *, out_of_memory: bool = False) -> None:
        """SIGKILL, as if something else had sent it: the kernel for want of memory, say."""
        self._starves = out_of_memory
        with engine_errors():
            ignore_gone(self._client.client.api.kill, self.id)

    def remove(self) -> None:
        """Kill it if it runs, and remove it with its volumes and its gate.

        Then nothing of it runs here, either, but `on_exit` where that calls this. May be called
        twice, also at the same time. What can't be removed now is tried once more when its owner is
        closed.
        """
        self._ended_by_us = True
        self._archives.end()
        with self._removing:
            if self.removed:
                return
            try:
                with engine_errors(), self._archives.alone():
                    ignore_gone(
                        self._client.client.api.remove_container, self.id, force=True, v=True
                    )
            except EngineError as error:
                _log.warning("left container %s, to be removed later: %s", self.name, error)
                return
            self.removed = True
        if self._gate is not None:
            self._gate.remove()
        self._owner.forget(self)
        if self._waiter not in (None, threading.current_thread()):
            self._waiter.join(OUTPUT_TIMEOUT)


def _close(output: Any) -> None:
    """Close the connection of an attached stream, which stays open at its end, and has no name.

    Left to the garbage collector it would be closed, too: some hundred containers later.
    """
    output._response.close()  # its own close() leaves the file open that reads from the socket
