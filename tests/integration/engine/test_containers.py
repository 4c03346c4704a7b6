"""What is made in the engine, and that all of it goes away again."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from docker import APIClient
from urllib3.exceptions import NewConnectionError, ProtocolError

from harness import machine
from harness.errors import EngineError
from harness.local.engine import addresses, sessions
from harness.local.engine.containers import PIDS, Containers
from harness.local.engine.errors import StartError
from harness.local.hosting.containers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def made(probe_image: str) -> Iterator[Containers]:
    made = Containers()
    made.require_image(probe_image)
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    return f"containers-{uuid.uuid4().hex[:8]}"


def left_by_the_dead(name: str) -> dict[str, str]:
    """The labels of what a session left on this machine whose process was killed."""
    with subprocess.Popen(["true"]) as ended:
        pass
    namespace, _, _ = machine.process().partition(" ")
    return {
        sessions.LABEL_SESSION: f"dead-{name}",
        sessions.LABEL_LOCK: "/no/such/file.lock",
        sessions.LABEL_HOST: machine.name(),
        sessions.LABEL_BOOT: machine.boot(),
        sessions.LABEL_PROCESS: f"{namespace} {ended.pid}",
    }


def networks(client: DockerClient, name: str) -> list[str]:
    return [network.name or "" for network in client.networks.list(names=[name])]


def test_a_container_is_reached_without_the_engine_s_proxy_or_through_it(
    made: Containers, probe_image: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = made.create(probe_image, name=name, hostname="h", command=["serve"], port=8080)
    container.start(lambda _: None)
    own = container.address
    monkeypatch.setattr(addresses, "own_address", lambda *_: None)
    published = container.address
    assert own[1] == 8080
    assert published[0] == "127.0.0.1"
    assert published[1] != 8080
    for address in (own, published):
        at: Any = SimpleNamespace(
            address=address, has_address=container.has_address, when_exited=container.when_exited
        )
        instance = serving.Instance(at)
        deadline = time.monotonic() + 30
        while not instance.ping():
            assert time.monotonic() < deadline
        instance.http.close()  # a connection left to it delays who has its address next


@pytest.mark.parametrize("port", [8080, None])
def test_once_one_was_reached_at_its_own_address_no_port_is_published(
    made: Containers, docker_client: DockerClient, probe_image: str, name: str, port: int | None
) -> None:
    first = made.create(probe_image, name=name, hostname="h", command=["serve"], port=port)
    first.start(lambda _: None)
    if port:
        assert first.address[1] == port
    deadline = time.monotonic() + 30
    while not made.bridge_leads:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second = made.create(probe_image, name=name, hostname="h", command=["serve"], port=8080)
    second.start(lambda _: None)
    bound = [
        docker_client.api.inspect_container(each.id)["HostConfig"]["PortBindings"]
        for each in (first, second)
    ]
    assert [*map(bool, bound)] == [bool(port), False]
    instance = serving.Instance(second)
    while not instance.ping():
        assert time.monotonic() < deadline
    instance.close()


def test_who_waits_for_a_container_hears_of_its_end_though_its_network_went_first(
    made: Containers, docker_client: DockerClient, probe_image: str, name: str
) -> None:
    container = made.create(probe_image, name=name, hostname="h", command=["serve"], port=8080)
    container.start(lambda _: None)
    instance = serving.Instance(container)
    deadline = time.monotonic() + 30
    while not instance.ping():
        assert time.monotonic() < deadline
    slow = {"Content-Type": "probe/slow"}

    def from_a_thread() -> None:
        instance.http.urlopen("POST", "/invocations", b"600", headers=slow, timeout=120)

    def from_a_loop() -> None:
        asyncio.run(instance.connections.ask("/invocations", slow, b"600", 120))

    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(each) for each in (from_a_thread, from_a_loop)]
        load = {"Content-Type": "probe/load"}
        while int(instance.http.request("POST", "/invocations", headers=load).data) < 3:
            assert time.monotonic() < deadline
        docker_client.networks.get("bridge").disconnect(container.id)
        container.kill()
        for each, error in zip(waiting, (ProtocolError, ConnectionError), strict=True):
            with pytest.raises(error, match=r"closed"):
                each.result(30)
    assert container.exited.is_set()


def test_what_has_the_address_after_a_container_is_not_sent_its_requests(
    made: Containers, probe_image: str, name: str
) -> None:
    network = made.network(name, ["h"], isolated=False)  # whose only address each of them gets

    def serve() -> serving.Instance:
        container = made.create(
            probe_image, name=name, hostname="h", command=["serve"], port=8080, shared=network
        )
        container.start(lambda _: None)
        instance = serving.Instance(container)
        deadline = time.monotonic() + 30
        while not instance.ping():
            assert time.monotonic() < deadline
        return instance

    first = serve()
    address = first.container.address
    first.container.remove()
    second = serve()
    assert second.container.address == address

    assert not first.ping()
    with pytest.raises(ConnectionError, match="has ended"):
        asyncio.run(first.connections.ask("/invocations", {}, b"for the first", 5))
    with pytest.raises(NewConnectionError, match="has ended"):
        first.http.urlopen("POST", "/invocations", b"for the first")
    count = {"Content-Type": "probe/fails-first"}
    assert second.http.urlopen("POST", "/invocations", b"0", count).data == b"1"


@pytest.mark.parametrize("late", [False, True])
def test_what_killed_a_container_is_known(
    made: Containers,
    docker_client: DockerClient,
    probe_image: str,
    name: str,
    late: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the engine has heard of its end before the kernel's reason for it."""
    if late:
        inspect = APIClient.inspect_container

        def early(client: APIClient, container: str) -> dict[str, Any]:
            found: dict[str, Any] = inspect(client, container)
            found["State"]["OOMKilled"] = False
            return found

        monkeypatch.setattr(APIClient, "inspect_container", early)
    ends = []
    for code in ("b'x' * (1 << 28)", "import signal; signal.pause()", "raise SystemExit(3)"):
        container = made.create(
            probe_image, name=name, hostname="h", command=["-c", code], entrypoint=["python3"],
            memory=64 << 20,
        )  # fmt: skip
        container.start(lambda _: None)
        if "pause" in code:
            docker_client.api.kill(container.id)
        assert container.exited.wait(60)
        ends.append((container.exit_code, container.out_of_memory))
    assert ends == [(137, True), (137, False), (3, False)]


def test_a_network_goes_with_its_container(
    made: Containers, docker_client: DockerClient, probe_image: str, name: str
) -> None:
    container = made.create(
        probe_image, name=name, hostname="h", command=["serve"], port=8080, isolated=True
    )
    assert networks(docker_client, name)
    threads = [threading.Thread(target=container.remove) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not networks(docker_client, name)


def test_a_network_goes_also_when_there_is_no_container_for_it(
    made: Containers, docker_client: DockerClient, name: str
) -> None:
    with pytest.raises(EngineError, match=r"the Docker engine at .* says: .*no-such-image"):
        made.create(
            "no-such-image.invalid/x:1", name=name, hostname="h", command=None, port=8080,
            isolated=True,
        )  # fmt: skip
    assert not networks(docker_client, name)


def test_after_the_close_nothing_is_made(
    docker_client: DockerClient, probe_image: str, name: str
) -> None:
    made = Containers()
    made.require_image(probe_image)
    made.create(probe_image, name=name, hostname="h", command=["serve"])
    made.close()
    with pytest.raises(EngineError, match="shut down"):
        made.create(probe_image, name=name, hostname="h", command=["serve"])
    never_used = Containers()
    never_used.close()
    with pytest.raises(EngineError, match="shut down"):
        never_used.require_image(probe_image)
    assert not docker_client.containers.list(all=True, filters={"name": name})


def test_a_session_ends_with_the_close_from_whichever_thread(probe_image: str) -> None:
    """The first job's thread takes its lock, the main thread closes."""
    made = Containers()
    thread = threading.Thread(target=made.require_image, args=(probe_image,))
    thread.start()
    thread.join()
    assert made._session is not None
    path = made._session.path
    descriptors = Path(f"/proc/{os.getpid()}/fd")
    if not descriptors.is_dir():
        pytest.skip("there is no /proc to look into")

    def held() -> bool:
        return any(str(each.readlink()).startswith(str(path)) for each in open_files())

    def open_files() -> list[Path]:
        return [each for each in descriptors.iterdir() if each.is_symlink()]

    assert held()
    made.close()
    assert not path.exists()
    assert not held()


def test_what_cannot_be_removed_stops_no_start(
    made: Containers, docker_client: DockerClient, probe_image: str, name: str
) -> None:
    """A container that isn't ours hangs in a network that a dead session left."""
    labels = left_by_the_dead(name)
    docker_client.networks.create(name, internal=True, labels=labels)
    left = docker_client.containers.create(probe_image, ["serve"], name=name, labels=labels)
    foreign = docker_client.containers.create(probe_image, ["serve"], network=name)
    foreign.start()
    try:
        sessions.clean(docker_client)
        assert not docker_client.api.containers(all=True, filters={"id": left.id})
        assert networks(docker_client, name)
    finally:
        foreign.remove(force=True)
    sessions.clean(docker_client)
    assert not networks(docker_client, name)


def test_what_several_starts_remove_at_once_is_gone_for_each(
    docker_client: DockerClient, probe_image: str, name: str
) -> None:
    for number in range(4):
        docker_client.containers.create(
            probe_image, name=f"{name}-{number}", labels=left_by_the_dead(name)
        )
    together = threading.Barrier(4)

    def clean(_: int) -> list[str]:
        together.wait(30)
        sessions.clean()
        left = docker_client.api.containers(all=True, filters={"name": f"^/{name}"})
        return [container["Id"] for container in left]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(clean, range(4))) == [[]] * 4


LIMITS = """
import glob, json, os, pathlib
def first(*names):
    return next(pathlib.Path(name).read_text().split() for name in names if os.path.exists(name))
base = "/sys/fs/cgroup"
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
cpus = first(f"{base}/cpu.max", f"{base}/cpu/cpu.cfs_quota_us")
period = cpus[1:] or first(f"{base}/cpu/cpu.cfs_period_us")
print(json.dumps({
    "pids": first(f"{base}/pids.max", f"{base}/pids/pids.max")[0],
    "cpus": int(cpus[0]) / int(period[0]),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "environment": dict(os.environ),
}), flush=True)
"""


def test_a_container_has_limits_and_nothing_of_the_user_s_proxies(
    probe_image: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = "http://user:a-password@proxy.invalid:3128"
    proxies = {"default": {"httpProxy": proxy, "httpsProxy": proxy, "noProxy": "only.this"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", proxy)
    made = Containers()
    try:
        made.require_image(probe_image)
        said: list[str] = []
        container = made.create(
            probe_image, name=name, hostname="h", entrypoint=["python3", "-c", LIMITS],
            command=None, cpus=1, disk=1 << 30,
        )  # fmt: skip
        container.start(said.append)
        assert container.exited.wait(30)
    finally:
        made.close()
    (line,) = said
    seen = json.loads(line)
    environment = seen.pop("environment")
    assert seen == {"pids": str(PIDS), "cpus": 1.0, "no_new_privileges": "1"}
    assert "a-password" not in str(environment)
    assert not [each for each in environment if "proxy" in each.lower()]


def test_more_processors_than_the_engine_has_are_no_limit(
    made: Containers, docker_client: DockerClient, probe_image: str, name: str
) -> None:
    container = made.create(probe_image, name=name, hostname="h", command=["serve"], cpus=4096)
    assert docker_client.api.inspect_container(container.id)["HostConfig"]["NanoCpus"] == 0


def test_an_engine_that_can_not_bound_what_is_written_is_asked_once(
    made: Containers,
    docker_client: DockerClient,
    probe_image: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says that it has XFS, but not whether that has quotas for it."""
    info = {**docker_client.info(), "Driver": "overlay2"}
    if dict(info["DriverStatus"]).get("Backing Filesystem") != "extfs":
        pytest.skip("this engine may have a bound")
    info["DriverStatus"] = [["Backing Filesystem", "xfs"]]
    monkeypatch.setattr(made, "_said", info)
    for _ in range(2):
        container = made.create(
            probe_image, name=name, hostname="h", command=["serve"], disk=1 << 30
        )
        found = docker_client.api.inspect_container(container.id)
        assert not found["HostConfig"].get("StorageOpt")
        assert not made._bounds_disks


def test_no_thread_outlives_a_container_that_is_removed(
    made: Containers, probe_image: str, name: str
) -> None:
    told = threading.Event()
    container = made.create(
        probe_image, name=name, hostname="h", entrypoint=["python3"],
        command=["-c", "print('said', flush=True); import signal; signal.pause()"],
    )  # fmt: skip
    ended = threading.Event()

    def end() -> None:
        container.remove()  # as what serves an endpoint is when it ends
        ended.set()

    container.start(lambda _: told.set(), end)
    assert told.wait(60)
    container.remove()
    assert ended.is_set()
    assert [each.name for each in threading.enumerate() if name in each.name] == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc to look into")
def test_a_container_that_has_ended_leaves_no_connection_open(
    made: Containers, probe_image: str, name: str
) -> None:
    def run(*command: str) -> int:
        """Run a container to its end; how many files are open then."""
        container = made.create(probe_image, name=name, hostname="h", command=command)
        lines: list[str] = []
        if command[0] == "echo":
            container.start(lines.append)
            assert container.exited.wait(60)
            assert lines == ["said"]
        else:
            with pytest.raises(StartError):
                container.start(lines.append)
        container.remove()
        return len(list(Path("/proc/self/fd").iterdir()))

    gc.disable()  # which would close them, too, some time
    try:
        # docker-py keeps connections for the last 25 addresses, and each container has its own.
        first = max(run("echo", "said") for _ in range(6))
        last = [run("echo", "said") for _ in range(6)][-1]
        last_failed = [run("no-such-command") for _ in range(6)][-1]
    finally:
        gc.enable()
    assert last <= first
    assert last_failed <= first


def test_gpus_are_asked_for_by_their_number(
    made: Containers, probe_image: str, name: str, docker_client: DockerClient
) -> None:
    container = made.create(probe_image, name=name, hostname="gpu", command=["train"], gpus=2)
    try:
        asked = docker_client.api.inspect_container(container.id)["HostConfig"]["DeviceRequests"]
        assert [(each["Count"], each["Capabilities"]) for each in asked] == [(2, [["gpu"]])]
        if not made.has_gpus():
            with pytest.raises(StartError):
                container.start(print)
    finally:
        container.remove()
