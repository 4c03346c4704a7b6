"""The engine that doesn't answer, in all its ways: each ends soon and in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import EngineError
from harness.image import debian, docker_engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No test here finds this machine's engine or touches what belongs to it."""
    missing = tmp_path / "docker.sock"
    for variable in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{missing}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(docker_engine, "LOG", tmp_path / "dockerd.log")
    monkeypatch.setattr(docker_engine, "PID_FILE", tmp_path / "docker.pid")
    monkeypatch.setattr(docker_engine, "CONTAINERD_PID_FILE", tmp_path / "containerd.pid")
    return missing


def sentence() -> str:
    with pytest.raises(EngineError) as caught:
        docker_engine.connect(timeout=1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_socket_is_named_with_what_to_install(no_engine: Path) -> None:
    assert f"unix://{no_engine} (there is no such socket)" in sentence()
    assert "apt-get install docker.io" in sentence()


def test_a_socket_that_an_engine_left_behind(no_engine: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(no_engine))
    assert f"unix://{no_engine} (nothing listens there): start it, by" in sentence()
    assert "`dockerd`" in sentence()


def test_an_engine_that_hangs(no_engine: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as silent:
        silent.bind(str(no_engine))
        silent.listen()
        assert "timed out" in sentence()


def test_a_socket_of_another_group(no_engine: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as foreign:
        foreign.bind(str(no_engine))
        foreign.listen()
        no_engine.chmod(0)
        with nobody():
            assert "usermod -aG docker" in sentence()


@contextmanager
def nobody() -> Iterator[None]:
    """Root may use any socket; so be somebody else for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_remote_engine_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    assert f"tcp://127.0.0.1:{port}" in sentence()
    assert "correct DOCKER_HOST" in sentence()


def test_a_host_that_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "gopher://hole")
    assert "gopher://hole" in sentence()


def test_the_current_docker_context_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    config = tmp_path / "config"
    name = "far"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (config / "config.json").write_text(json.dumps({"currentContext": name}))
    (meta / "meta.json").write_text(
        json.dumps(
            {
                "Name": name,
                "Metadata": {},
                "Endpoints": {"docker": {"Host": f"unix://{tmp_path}/far.sock"}},
            }
        )
    )
    assert f"unix://{tmp_path}/far.sock" in sentence()


def test_an_engine_that_was_named_is_not_ours_to_set_up() -> None:
    said: list[str] = []
    with pytest.raises(EngineError, match="no such socket"):
        docker_engine.ensure(said.append)
    assert said == []


def test_the_set_up_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_NO_ENGINE_SETUP", "1")
    assert not debian.may_install()


def test_dockerds_last_words_are_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `dockerd` that fails as a real one does: a line on stderr, and exit status 1."""
    program = tmp_path / "bin" / "dockerd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'failed to start daemon: no space left' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    with pytest.raises(EngineError, match="did not start: failed to start daemon: no space left"):
        docker_engine._start_ourselves()


def test_a_pid_file_of_a_killed_engine_is_removed() -> None:
    """Its number may by now belong to another program, here to this one."""
    for content in (str(os.getpid()), "", "not a number", "4194305"):
        docker_engine.PID_FILE.write_text(content)
        docker_engine._remove_stale(docker_engine.PID_FILE, "dockerd")
        assert not docker_engine.PID_FILE.exists()


def test_a_pid_file_of_a_living_engine_stays() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as living:
        docker_engine.PID_FILE.write_text(str(living.pid))
        name = Path(f"/proc/{living.pid}/comm").read_text().strip()
        docker_engine._remove_stale(docker_engine.PID_FILE, name)
        assert docker_engine.PID_FILE.exists()
        living.communicate(b"\n", timeout=10)


@pytest.mark.parametrize(
    ("info", "version", "said"),
    [
        ({}, {}, ("Docker", "")),
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, {}, ("Docker", "rootless")),
        ({"OperatingSystem": "Docker Desktop"}, {}, ("Docker Desktop", "virtual machine")),
        ({}, {"Components": [{"Name": "Podman Engine"}]}, ("Podman", "")),
    ],
)
def test_doctor_tells_which_engine_it_is_and_what_it_lacks(
    info: dict[str, object], version: dict[str, object], said: tuple[str, str]
) -> None:
    kind, limits = said
    assert docker_engine._kind(info, version) == kind
    assert limits in docker_engine._limits(info)
    assert bool(limits) == bool(docker_engine._limits(info))
