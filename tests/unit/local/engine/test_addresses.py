"""Which address of a container is taken, from what the engine says of it."""

import errno
import os
import socket
from pathlib import Path

import pytest

from harness.local.engine.addresses import own_address


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
