"""Which address of a container is taken, from what the engine says of it."""

import errno
import os
import socket
from pathlib import Path

import pytest
from docker import APIClient
from docker.errors import NotFound

from harness.local.engine.addresses import Inside, inside, own_address


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def found(**changes):
    """What the engine would say if this process were the container's."""
    said = {"id": "/", "pid": os.getpid(), "gateway": "127.0.0.1", "address": "127.0.0.1"}
    said |= {"mode": "default", "network": "bridge"} | changes
    network = {"Gateway": said["gateway"], "IPAddress": said["address"]}
    return {
        "Id": said["id"],
        "State": {"Pid": said["pid"]},
        "HostConfig": {"NetworkMode": said["mode"]},
        "NetworkSettings": {"Networks": {"a-joined": {}, said["network"]: network}},
    }


def test_a_container_on_this_machine_has_its_own_address(port):
    assert own_address(found(), port) == ("127.0.0.1", port)


def test_a_container_in_several_networks_has_that_of_the_one_it_was_made_in(port):
    made = found(mode="own", network="own")
    assert own_address(made, port) == ("127.0.0.1", port)


def test_a_container_that_does_not_listen_yet_has_it_too():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert own_address(found(), port) == ("127.0.0.1", port)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"pid": 0},  # it has ended
        {"id": "another container's"},  # the process is another machine's, or another namespace's
        {"gateway": "192.0.2.1"},  # the network isn't one of this machine's
        {"gateway": ""},
        {"address": ""},
    ],
)
def test_a_container_elsewhere_has_none(port, elsewhere):
    assert own_address(found(**elsewhere), port) is None


def test_a_container_of_another_user_namespace_has_none(port, monkeypatch):
    read_text = Path.read_text

    def read(path, *arguments):
        text = read_text(path, *arguments)
        return "0 100000 65536" if path.parts[2:] == (str(os.getpid()), "uid_map") else text

    monkeypatch.setattr(Path, "read_text", read)
    assert own_address(found(), port) is None


def test_an_address_that_had_been_asked_for_in_vain_is_asked_for_again(port, monkeypatch):
    class Socket(socket.socket):
        def connect_ex(self, address):
            return answers.pop(0) if answers else super().connect_ex(address)

    monkeypatch.setattr("harness.local.engine.addresses.socket.socket", Socket)
    answers = [errno.EHOSTUNREACH]
    assert own_address(found(), port) == ("127.0.0.1", port)
    answers = [errno.EHOSTUNREACH] * 2
    assert own_address(found(), port) is None


def test_a_container_behind_a_firewall_has_none(monkeypatch):
    monkeypatch.setattr("harness.local.engine.addresses.PROBE_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # more than it takes, so that it is silent
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        try:
            assert own_address(found(), port) is None
        finally:
            for each in waiting:
                each.close()


ID = "5" * 64
MOUNTS = f"""\
636 620 0:52 / / rw,relatime - overlay overlay rw
657 636 254:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw
"""
OF_OTHERS = f"""\
25 1 254:1 / / rw,relatime - ext4 /dev/vda rw
90 25 0:49 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw
"""


class Engine(APIClient):
    """An engine that has one container, in these networks."""

    def __init__(self, mode="bridge", **addresses):  # and connects to none
        self._mode, self._addresses = mode, addresses

    def inspect_container(self, container_id):
        if container_id != ID:
            raise NotFound("no such container")
        networks = {name: {"IPAddress": address} for name, address in self._addresses.items()}
        return {
            "HostConfig": {"NetworkMode": self._mode},
            "NetworkSettings": {"Networks": networks},
        }


@pytest.fixture
def mounts(tmp_path):
    def mounts(text):
        (tmp_path / "mountinfo").write_text(text)
        return tmp_path / "mountinfo"

    return mounts


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (Engine(bridge="172.17.0.2"), Inside("bridge", "172.17.0.2")),
        (Engine("own", other="172.19.0.2", own="172.18.0.2"), Inside("own", "172.18.0.2")),
        (Engine("default", bridge="172.17.0.2"), Inside("bridge", "172.17.0.2")),
        (Engine("host", host=""), Inside("host", "")),
        (Engine("none", none=""), None),
    ],
)
def test_which_container_this_process_is_in(engine, expected, mounts):
    assert inside(engine, mounts(MOUNTS)) == expected
    assert expected is None or expected.is_on_host is (expected.network == "host")


def test_a_podman_container_is_one_too(mounts):
    path = f"/var/lib/containers/storage/overlay-containers/{ID}/userdata/hosts"
    text = f"1 2 0:1 {path} /etc/hosts rw - ext4 /dev/vda rw\n"
    assert inside(Engine(bridge="10.88.0.2"), mounts(text)) == Inside("bridge", "10.88.0.2")


def test_the_machine_of_the_engine_is_no_container(mounts):
    assert inside(Engine(bridge="172.17.0.2"), mounts(OF_OTHERS)) is None
    assert inside(Engine(bridge="172.17.0.2"), Path("/no/such/file")) is None


def test_a_container_of_another_engine_is_none_of_this_one(mounts):
    assert inside(Engine(bridge="172.17.0.2"), mounts(MOUNTS.replace("5", "6"))) is None


def test_a_container_of_podman_has_its_default_network_by_another_name(port):
    assert own_address(found(mode="bridge", network="podman"), port) == ("127.0.0.1", port)
