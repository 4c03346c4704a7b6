"""What the local AWS makes in Docker: containers, networks, and the images that it pulls.

Of the local AWS, only the modules of this folder talk to Docker.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import platform
import shutil
import threading
import time
import uuid
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from docker.errors import APIError, ImageNotFound
from docker.types import DeviceRequest, Mount
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import Reaper
from testcontainers.core.docker_client import DockerClient

from harness import startup
from harness.errors import EngineError
from harness.local.engine import errors, inspection, networks
from harness.local.engine import gate as gates
from harness.local.engine.addresses import Inside, inside
from harness.local.engine.container import Container
from harness.local.engine.errors import (
    ElsewhereError,
    ImageError,
    engine_errors,
    engine_host,
    engine_words,
    ignore_gone,
)
from harness.local.engine.gate import Gate
from harness.local.engine.networks import JobNetwork
from harness.local.engine.sessions import Session, clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from docker.models.containers import Container as DockerContainer

    from docker import APIClient
    from harness.local.engine.image_registry import Registry
    from harness.local.engine.networks import Subnet

PIDS = 16_384
"""Processes and threads of one container: many times what any has, and half of what Linux has room
for by default, so that one which starts them without end doesn't take the machine along."""

OUR_IMAGES = {"label": "harness.image"}
"""Which images the harness has built; whatever a project puts into one, it is a Python's mostly."""

NVIDIA = Path("/dev/nvidiactl")
"""The device of Nvidia's driver, where there is one."""

_log = logging.getLogger(__name__)


class Mounts(NamedTuple):
    """What a container has from elsewhere, by the path that it has in it."""

    folders: Mapping[str, Path] = MappingProxyType({})
    """Those that `Containers.folder` made, to be read only."""
    volumes: Sequence[str] = ()
    """Empty ones, which are the container's own."""


class Containers:
    """Makes the containers of one local AWS, and removes them all when it is closed.

    `registry` is the one behind its ECR: images of it are pulled with its login, and what was
    pulled goes, too, when it is closed.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry
        self._pulled: set[str] = set()
        self._lock = threading.Lock()
        self._docker: DockerClient | None = None
        self._session: Session | None = None
        self._live: set[Container] = set()
        self._networks: set[JobNetwork] = set()
        self._closed = False
        self._debugged: dict[int, Container | None] = {}
        """Who has the port; None while its container is being made."""
        self._is_unsure = False
        """Whether there may be a container that isn't known of."""
        self.bridge_leads: bool | None = None
        """Whether containers are reached at their own addresses, once one was tried.

        Then their ports need not be published, which takes a tenth of a second of each one's start
        and end, and a process while it runs.
        """
        self._subnets: list[Subnet] = []
        self._bounds_disks = True
        """Whether the engine bounds what a container writes, or that wasn't tried."""
        self._said: dict[str, Any] | None = None
        self.inside: Inside | None = None
        """The container that this process is in, if it is one of the engine's."""

    def _connect(self) -> tuple[DockerClient, Session]:
        """testcontainers' client and this process's session, made at first use."""
        with self._lock:
            self._check_open()
            if self._docker is None or self._session is None:
                with engine_errors():
                    connected = DockerClient(timeout=errors.TIMEOUT)
                    connected.client.api.credstore_env = startup.aws_environment
                    connected.client.api.reload_config()
                    for name in clean(connected.client):
                        _log.warning("removed %s, left by a run that was killed", name)
                    _start_reaper(connected)
                    self.inside = inside(connected.client.api)
                self._session = Session()
                self._docker = connected
            return self._docker, self._session

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("the local AWS is being shut down")

    def require_image(self, name: str, on_pull: Callable[[], None] | None = None) -> None:
        """Make sure that the image is on this machine: pull it if it isn't.

        Raises `ImageError` with the registry's words if that fails.
        """
        client, _ = self._connect()
        with engine_errors():
            try:
                client.client.images.get(name)
            except ImageNotFound:
                if on_pull:
                    on_pull()
                ours = self._registry if self._registry and self._registry.has(name) else None
                try:
                    client.client.images.pull(name, auth_config=ours.login if ours else None)
                except APIError as error:
                    raise ImageError(engine_words(error)) from error
                if ours:
                    self._pulled.add(name)

    def image_environment(self, name: str) -> dict[str, str]:
        """The variables that an image on this machine sets."""
        pairs = inspection.image(self.api, name)["Config"].get("Env") or []
        return dict(each.partition("=")[::2] for each in pairs)

    def missing_image(self, name: str) -> str | None:
        """Why there is no such image: neither on this machine nor where it would be pulled from.

        None if there is one. The words are the engine's.
        """
        client, _ = self._connect()
        ours = self._registry if self._registry and self._registry.has(name) else None
        return inspection.missing_image(client.client.api, name, ours.login if ours else None)

    @property
    def api(self) -> APIClient:
        """The engine, for this folder's other modules and those that look at images."""
        client, _ = self._connect()
        return client.client.api

    def gateway(self) -> str | None:
        """The address at which containers reach this process, if the engine is on this machine."""
        client, _ = self._connect()
        if self.inside and not self.inside.is_on_host:
            return self.inside.address
        return networks.gateway(client) if self._is_near(client) else None

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder on this machine for containers to mount, removed in the end.

        One that a killed process leaves is removed as containers are. Raises `ElsewhereError`.
        """
        client, session = self._connect()
        if self.inside:
            raise ElsewhereError("the local AWS is in a container, whose files no other one sees")
        if not self._is_near(client) or not self._is_kernel_ours(client):
            raise ElsewhereError(f"the Docker engine at {engine_host()} is not on this machine")
        folder = session.folder / uuid.uuid4().hex[:12]
        with self._lock:
            # Nobody but us gets to what is in it; for containers it begins with what they mount.
            session.folder.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir()
        try:
            folder.chmod(0o755)  # whatever the umask: a container's user need not be ours
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock, contextlib.suppress(OSError):  # others may have theirs in it
                session.folder.rmdir()

    def _is_kernel_ours(self, client: DockerClient) -> bool:
        """Whether the engine isn't in a virtual machine, as Docker Desktop's is."""
        return bool(self._info(client)["KernelVersion"] == platform.release())

    def _is_near(self, client: DockerClient) -> bool:
        """Whether the engine is reached over this machine, if only by a tunnel's end."""
        if self.inside:
            return self.inside.is_on_host
        return client.host() in ("localhost", "127.0.0.1")

    def has_gpus(self) -> bool:
        """Whether the engine can give containers Nvidia's GPUs, by what it says of itself.

        It doesn't say so of the hook that `docker run --gpus` needs no runtime for; then the
        driver's device tells, where the engine is on this machine.
        """
        client, _ = self._connect()
        said = self._info(client)
        devices = [str(each) for each in said.get("DiscoveredDevices") or []]
        return (
            "nvidia" in (said.get("Runtimes") or {})
            or any("nvidia.com/gpu" in each for each in devices)
            or (self._is_near(client) and self._is_kernel_ours(client) and NVIDIA.exists())
        )

    def is_container(self, address: str) -> bool:
        """Whether the address is in one of the engine's networks."""
        sender = ipaddress.ip_address(address)
        if not any(sender in subnet for subnet in self._subnets):
            client, _ = self._connect()
            self._subnets = networks.subnets(client)
        return any(sender in subnet for subnet in self._subnets)

    def create(
        self,
        image: str,
        *,
        name: str,
        hostname: str,
        command: Sequence[str] | None,
        entrypoint: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        isolated: bool = False,
        shared: JobNetwork | None = None,
        mounts: Mounts | None = None,
        memory: int | None = None,
        cpus: int | None = None,
        disk: int | None = None,
        gpus: int = 0,
        debugged: tuple[int, int] | None = None,
    ) -> Container:
        """Create a container, not started yet, so that files can be put into it first.

        `port` is the one that the container listens on, to be reached at `Container.address`.
        `isolated`: no network at all, in or out, but for this machine's access to `port`.
        `shared` is the network that it is in with others, which reach it by its host name.
        `debugged` is another port of it, and the one of the engine's machine, `reserve`d before,
        that it is published on, on loopback only.
        `memory` is what it may take, in bytes, `cpus` how many processors, and `disk` the bytes
        that it may write, each where the engine can limit that; `gpus` is how many GPUs it gets of
        the engine's, which refuses to start it where it hasn't so many. `PIDS` holds for every one,
        and that no program in it gains rights which the one that starts it hasn't.
        """
        mounts = mounts or Mounts()
        client, session = self._connect()
        gate: Gate | None = None
        options: dict[str, Any] = {
            "name": f"{name}-{uuid.uuid4().hex[:6]}",
            "hostname": hostname,
            "mem_limit": memory,
            "memswap_limit": memory,  # of both together: no swap
            "nano_cpus": self._nano_cpus(client, cpus),
            "pids_limit": PIDS,
            "security_opt": ["no-new-privileges"],
            # Those of the user's ~/.docker/config.json, with their passwords: they lead out, and
            # where the local AWS is they don't.
            "use_config_proxy": False,
            "environment": dict(environment or {}),
            # "z": also where SELinux keeps containers from files that aren't labelled as theirs.
            "volumes": {
                str(folder): {"bind": path, "mode": "ro,z"}
                for path, folder in mounts.folders.items()
            },
            "mounts": [Mount(path, None, type="volume") for path in mounts.volumes],
        }
        if gpus:
            options["device_requests"] = [DeviceRequest(count=gpus, capabilities=[["gpu"]])]
        if entrypoint:
            options["entrypoint"] = list(entrypoint)
        if shared is not None:
            options |= shared.options(client, hostname)
        elif isolated and port is None:
            # Not as `network_mode`: testcontainers would then let it have ours, if we are in one.
            options |= {"network": "none", "extra_hosts": {hostname: "127.0.0.1"}}
        elif isolated:
            gate = self._gate(image, name, hostname, cast("int", port))
            options |= gate.network.options(client, hostname)
        elif self.inside and not self.inside.is_on_host:
            options["network"] = self.inside.network
        elif port is not None and not self.bridge_leads:
            # Only this machine may reach it, unless the engine is on another one.
            near = self._is_near(client)
            options["ports"] = {f"{port}/tcp": ("127.0.0.1", None) if near else None}
        if debugged:
            own, outer = debugged
            options["ports"] = {**options.get("ports", {}), f"{own}/tcp": ("127.0.0.1", outer)}
        try:
            # Under the lock, so that `close` never misses a container that is being made.
            with self._lock, engine_errors():
                self._check_open()
                options |= {"command": list(command) if command else None, "labels": session.labels}
                created = self._create(client, image, options, disk)
                container = Container(self, client, created, port, gate)
                self._live.add(container)
                if debugged:
                    self._debugged[debugged[1]] = container
                if shared is not None and not shared.isolated:
                    self._let_reach_us(client, container.id)
        except BaseException as error:
            # If the engine was lost, it may have made one all the same.
            self._is_unsure |= not isinstance(error.__cause__, APIError)
            if gate is not None:
                gate.remove()
            raise
        return container

    def _let_reach_us(self, client: DockerClient, container_id: str) -> None:
        """Give one that is in a job's network ours, too, where no other one leads here."""
        if self.inside and not self.inside.is_on_host:
            client.client.api.connect_container_to_network(container_id, self.inside.network)

    def _create(
        self, client: DockerClient, image: str, options: dict[str, Any], disk: int | None
    ) -> DockerContainer:
        """Have the engine create it, with a bound to what it writes if there can be one."""
        if disk is None or not self._bounds_disks or not self._has_project_quotas(client):
            return client.create(image, **options)
        try:
            return client.create(image, **options, storage_opt={"size": str(disk)})
        except APIError as error:
            if "storage" not in engine_words(error):
                raise
            created = client.create(image, **options)
            self._bounds_disks = False
            return created

    def _has_project_quotas(self, client: DockerClient) -> bool:
        """Whether it may: overlay2 can on XFS that is mounted with them, which it doesn't tell.

        ("Set storage driver options per container" in Docker's reference.) Other drivers have a
        bound, too, but count the image in.
        """
        said = self._info(client)
        backing = dict(said.get("DriverStatus") or []).get("Backing Filesystem")
        return said["Driver"] == "overlay2" and backing == "xfs"

    def _nano_cpus(self, client: DockerClient, cpus: int | None) -> int | None:
        """In the engine's unit, if it has more of them: it refuses to give what it lacks."""
        if cpus is None:
            return None
        return cpus * 10**9 if cpus < self._info(client)["NCPU"] else None

    def means(self) -> tuple[int, int]:
        """The processors of the engine's machine, and its memory in bytes."""
        client, _ = self._connect()
        said = self._info(client)
        return said["NCPU"], said["MemTotal"]

    def _info(self, client: DockerClient) -> dict[str, Any]:
        """What the engine says of itself and its machine; asked once."""
        if self._said is None:
            with engine_errors():
                self._said = client.client.info()
        return self._said

    def _gate(self, image: str, name: str, hostname: str, port: int) -> Gate:
        """A network of its own for an isolated container, and the way in to its port."""
        client, _ = self._connect()
        network = self.network(name, [hostname, gates.NAME], isolated=True)
        # In a container, we are its neighbour in the ordinary network.
        neighbours = "neighbours" if self.inside and not self.inside.is_on_host else ""
        command = [gates.PROGRAM, network.addresses[hostname], str(port), neighbours]

        def images() -> Iterator[str]:
            yield image
            with engine_errors():
                yield from (each["Id"] for each in client.client.api.images(filters=OUR_IMAGES))

        def create(candidate: str) -> Container:
            return self.create(
                candidate,
                name=f"{name}-{gates.NAME}",
                hostname=gates.NAME,
                entrypoint=gates.COMMAND,
                command=command,
                port=port,
                memory=gates.MEMORY,
            )

        return Gate(network, images(), create)

    def network(self, name: str, hosts: Sequence[str], *, isolated: bool) -> JobNetwork:
        """A network for the containers of one job, with an address for each of these host names.

        `isolated`: it leads nowhere else. That the addresses are known before the containers start
        lets the first one know the last one's name, as on AWS.
        """
        client, session = self._connect()
        with self._lock, engine_errors():
            self._check_open()
            made, addresses = networks.create_for_hosts(
                client, name, hosts, session.labels, isolated=isolated
            )
            network = JobNetwork(made, addresses, self._forget_network, isolated=isolated)
            self._networks.add(network)
        return network

    def _forget_network(self, network: JobNetwork) -> None:
        with self._lock:
            self._networks.discard(network)

    def forget(self, container: Container) -> None:
        """It is removed."""
        with self._lock:
            self._live.discard(container)
            self._debugged = {
                port: each for port, each in self._debugged.items() if each is not container
            }

    def reserve(self, port: int) -> bool:
        """Keep a port for the debugger of a container to come; False if one has it already."""
        with self._lock:
            holder = self._debugged.get(port)
            if port in self._debugged and (holder is None or not holder.exited.is_set()):
                return False
            self._debugged[port] = None
            return True

    def free(self, port: int) -> None:
        """Give back a port that was reserved for a container which isn't made."""
        with self._lock:
            if port in self._debugged and self._debugged[port] is None:
                del self._debugged[port]

    def close(self) -> None:
        """Remove every container and network that is left, within twice `errors.TIMEOUT`."""
        # Without the lock, so that those who wait for it don't begin a call to the engine now.
        self._closed = True
        live = self.remove_all()
        for image in self._pulled:
            self._forget_image(image)
        if self._session:
            known = self._networks or [each for each in live if not each.removed]
            self._session.close(left=bool(known) or self._is_unsure)
        if self._docker:
            self._docker.client.close()

    def remove_all(self) -> set[Container]:
        """Remove every container and network that there is now; returns the containers.

        Within twice `errors.TIMEOUT`.
        """
        with self._lock:
            live, self._live = self._live, set()
        threads = [
            threading.Thread(target=container.remove, name=f"remove-{container.name}", daemon=True)
            for container in live
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + errors.TIMEOUT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            left = list(self._networks)
        for network in left:
            network.remove()
        return live

    def _forget_image(self, name: str) -> None:
        """Remove the name, and the image if it has no other and nothing uses it."""
        try:
            if self._docker:
                with engine_errors():
                    ignore_gone(self._docker.client.images.remove, name, noprune=True)
        except EngineError as error:
            _log.warning("left image %s: %s", name, error)


def _start_reaper(client: DockerClient) -> None:
    """Start testcontainers' Ryuk where its image is at hand: it reaps even if we are killed."""
    if testcontainers_config.ryuk_disabled:
        return
    try:
        client.client.images.get(testcontainers_config.ryuk_image)
    except ImageNotFound:
        return
    try:
        Reaper.get_instance()
    except Exception as error:  # noqa: BLE001 - whatever it is, the harness does without Ryuk
        _log.warning("going on without the reaper (Ryuk), which did not start: %s", error)
