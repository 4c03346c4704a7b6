"""What is removed as a dead session's, and what may be a living one's that isn't seen from here."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker.errors import NotFound

from harness import machine
from harness.local.engine import sessions
from harness.local.engine.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

pytestmark = pytest.mark.timeout(120)

HOLD = """
import json, sys
from harness.local.engine.sessions import Session
session = Session()
print(json.dumps(session.labels), flush=True)
sys.stdin.readline()
"""
"""A session that lives until it is told to end, or is killed."""

NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
"""As another container has it: other processes, and other files where its home is."""


@contextmanager
def held(home: Path, *prefix: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """A process that holds a session, with its state under `home`; yields the session's labels."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(home)},
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline()), process
        finally:
            process.kill()


@contextmanager
def left(client: DockerClient, image: str, labels: dict[str, str]) -> Iterator[Container]:
    name = f"sessions-{uuid.uuid4().hex[:8]}"
    container = client.containers.create(image, ["serve"], name=name, labels=labels)
    try:
        yield container
    finally:
        with suppress(NotFound):
            container.remove(force=True)


def exists(client: DockerClient, container: Container) -> bool:
    """Whether it is there still; that another test's start has removed it is as good as ours."""
    return bool(client.api.containers(all=True, filters={"id": container.id}))


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(30)


def test_a_session_of_another_home_lives_while_its_process_does(
    docker_client: DockerClient, probe_image: str, tmp_path: Path
) -> None:
    with held(tmp_path) as (labels, process), left(docker_client, probe_image, labels) as found:
        sessions.clean(docker_client)
        assert exists(docker_client, found)
        killed(process)
        sessions.clean(docker_client)
        assert not exists(docker_client, found)
    assert not list((tmp_path / "harness/sessions").glob("*.lock"))


def test_its_lock_tells_where_its_process_is_not_seen(
    docker_client: DockerClient, probe_image: str, tmp_path: Path
) -> None:
    needs_namespaces()
    with (
        held(tmp_path, *NAMESPACES) as (labels, process),
        left(docker_client, probe_image, labels) as found,
    ):
        assert labels[sessions.LABEL_PROCESS] != machine.process().partition(" ")[0]
        sessions.clean(docker_client)
        assert exists(docker_client, found)
        killed(process)
        until_free(labels)
        sessions.clean(docker_client)
        assert not exists(docker_client, found)


def test_one_that_was_killed_before_it_made_anything_leaves_no_file(
    docker_client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with held(tmp_path) as (labels, process), held(tmp_path) as (living, _):
        killed(process)
        sessions.clean(docker_client)
        assert not Path(labels[sessions.LABEL_LOCK]).exists()
        assert Path(living[sessions.LABEL_LOCK]).exists()


def test_what_is_not_seen_at_all_is_left_and_told(
    docker_client: DockerClient,
    probe_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two containers of a CI that share an engine: each sees only its own processes and files."""
    needs_namespaces()
    hidden = [*NAMESPACES, "sh", "-c", 'mount -t tmpfs none "$XDG_STATE_HOME" && exec "$@"', "sh"]
    with (
        held(tmp_path, *hidden) as (labels, process),
        left(docker_client, probe_image, labels) as found,
    ):
        assert found.name not in sessions.clean(docker_client)
        assert found.name in sessions.elsewhere(docker_client)
        killed(process)
        assert found.name not in sessions.clean(docker_client)

        every = sessions._labelled  # of which others' may live
        monkeypatch.setattr(
            sessions, "_labelled", lambda api: [x for x in every(api) if x.name == found.name]
        )
        assert sessions.clean(docker_client, everywhere=True) == [found.name]
        assert sessions.elsewhere(docker_client) == []


def needs_namespaces() -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("other namespaces take root, and util-linux")


def until_free(labels: dict[str, str]) -> None:
    """The kernel ends the processes of a namespace after its first one."""
    with Path(labels[sessions.LABEL_LOCK]).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({}, False),  # it lives
        ({sessions.LABEL_BOOT: "an earlier one"}, False),  # its lock is held
        ({sessions.LABEL_FILE: "0:0"}, None),  # its lock's path is another file's here
        ({sessions.LABEL_LOCK: "/no/such/file.lock"}, None),
        ({sessions.LABEL_BOOT: "another's", sessions.LABEL_HOST: "another"}, None),
        ({sessions.LABEL_BOOT: ""}, False),
    ],
)
def test_a_living_session(changes: dict[str, str], dead: bool | None) -> None:
    session = Session()
    try:
        assert sessions._is_dead({**session.labels, **changes}) is dead
    finally:
        session.close()


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({}, True),
        ({sessions.LABEL_BOOT: "an earlier one"}, True),  # this machine was started again
        ({sessions.LABEL_PROCESS: "pid:[1] 1"}, True),  # in another container
        ({sessions.LABEL_FILE: "0:0"}, None),
    ],
)
def test_a_session_whose_lock_is_free(changes: dict[str, str], dead: bool | None) -> None:
    session = Session()
    session.close(left=True)
    try:
        assert sessions._is_dead({**session.labels, **changes}) is dead
    finally:
        session.path.unlink()
