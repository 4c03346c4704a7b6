"""Sessions, which own what is made in Docker, and what those left there that were killed.

A session is one process, which holds a lock file for as long as it lives; everything that it makes
carries its label. What it leaves behind because it was killed is told by its lock being free, and
is removed by the next start (`clean`).
"""

from __future__ import annotations

import logging
import shutil
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import APIError
from filelock import FileLock, Timeout

from harness import machine, paths
from harness.local.engine import errors
from harness.local.engine.errors import engine_errors, engine_words, ignore_gone

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL_SESSION = "harness.session"
LABEL_LOCK = "harness.lock"
LABEL_HOST = "harness.host"

_log = logging.getLogger(__name__)


def _sessions() -> Path:
    return paths.state_folder() / "sessions"


class Session:
    """The owner of containers: this process, for as long as it holds the session's lock file."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex[:12]
        folder = _sessions()
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{self.id}.lock"
        # Taken by the thread of the first job, released by the one that closes.
        self._lock = FileLock(self.path, thread_local=False)
        self._lock.acquire(blocking=False)
        self.folder = folder / f"{self.id}@{machine.name()}"
        """What it keeps on this machine; made when it is needed."""

    @property
    def labels(self) -> dict[str, str]:
        return {
            LABEL_SESSION: self.id,
            LABEL_LOCK: str(self.path),
            LABEL_HOST: machine.name(),
        }

    def close(self) -> None:
        self._lock.release()
        self.path.unlink(missing_ok=True)


def _is_dead(labels: Mapping[str, str]) -> bool:
    """Whether the session of something with these labels was on this host, and has ended."""
    if labels.get(LABEL_HOST) != machine.name():
        return False
    path = Path(labels.get(LABEL_LOCK, ""))
    try:
        if not path.is_file():
            return True
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)
            return True
    except Timeout:
        return not path.exists()  # another process has just found it dead
    except OSError:  # what can't be told isn't removed
        return False


def clean(client: docker.DockerClient | None = None) -> list[str]:
    """Remove the containers and networks that ended sessions left; return their names.

    What can't be removed is logged, and left for the next time. Raises `EngineError` if the
    engine doesn't answer.
    """
    if client is None:
        with engine_errors():
            client = docker.from_env(timeout=errors.TIMEOUT)
        try:
            return clean(client)
        finally:
            client.close()
    api = client.api
    ours = {"label": LABEL_SESSION}
    removed: list[str] = []
    dead: dict[str, bool] = {}
    with engine_errors():
        left = [
            # One that is being removed already has no name any more.
            ((c["Names"] or [c["Id"]])[0].lstrip("/"), c["Labels"],
             partial(_remove_container, api, c["Id"]))
            for c in api.containers(all=True, filters=ours)
        ]  # fmt: skip
        left += [
            (network["Name"], network["Labels"], partial(api.remove_network, network["Id"]))
            for network in api.networks(filters=ours)
        ]
        left += [
            (volume["Name"], volume["Labels"], partial(api.remove_volume, volume["Name"]))
            for volume in api.volumes(filters=ours)["Volumes"] or []
        ]
        for name, labels, remove in left:
            session = labels[LABEL_SESSION]
            if session not in dead:
                dead[session] = _is_dead(labels)
            if not dead[session]:
                continue
            try:
                ignore_gone(remove)
            except APIError as error:
                _log.warning("could not remove %s: %s", name, engine_words(error))
            else:
                removed.append(name)
    return removed + _clean_folders()


def _remove_container(api: docker.APIClient, name: str) -> None:
    """Remove it, or wait until another process, which does the same, has removed it."""
    try:
        api.remove_container(name, force=True, v=True)
    except APIError as error:
        if error.status_code != 409:
            raise
        api.wait(name, timeout=errors.TIMEOUT, condition="removed")


def _clean_folders() -> list[str]:
    """Remove the folders that ended sessions left on this machine; return their paths."""
    removed = []
    for folder in _sessions().glob(f"*@{machine.name()}"):
        lock = folder.with_name(f"{folder.name.partition('@')[0]}.lock")
        if _is_dead({LABEL_HOST: machine.name(), LABEL_LOCK: str(lock)}):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(str(folder))
    return removed
