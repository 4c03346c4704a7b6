"""Sessions, which own what is made in Docker, and what those left there that were killed.

A session is one process, which holds a lock file for as long as it lives; everything that it makes
carries its label. What it leaves behind because it was killed is removed by the next start
(`clean`), which must be certain that it was: it may be in another container that has the same
engine, with other processes and other files, or on another machine. What can't be told from here is
left alone.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import docker
from docker.errors import APIError
from filelock import FileLock, Timeout

from harness import machine, paths
from harness.local.engine import errors
from harness.local.engine.errors import engine_errors, engine_words, ignore_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

LABEL_SESSION = "harness.session"
LABEL_LOCK = "harness.lock"
LABEL_FILE = "harness.lock-file"
"""The lock file's device and number there, by which it is known where its path is another's."""
LABEL_HOST = "harness.host"
LABEL_BOOT = "harness.boot"
LABEL_PROCESS = "harness.process"

_log = logging.getLogger(__name__)


def _sessions() -> Path:
    return paths.state_folder() / "sessions"


class Session:
    """The owner of containers: this process, for as long as it holds the session's lock file."""

    def __init__(self) -> None:
        folder = _sessions()
        folder.mkdir(parents=True, exist_ok=True)
        while not self._begin(folder):
            pass  # another process has found its file before it was locked
        self.folder = folder / f"{self.id}@{machine.name()}"
        """What it keeps on this machine; made when it is needed."""

    def _begin(self, folder: Path) -> bool:
        self.id = uuid.uuid4().hex[:12]
        self.path = folder / f"{self.id}.lock"
        # Taken by the thread of the first job, released by the one that closes.
        self._lock = FileLock(self.path, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
            self._file = _identity(self.path)
        except (Timeout, FileNotFoundError):
            self._lock.release()
            return False
        return True

    @property
    def labels(self) -> dict[str, str]:
        return {
            LABEL_SESSION: self.id,
            LABEL_LOCK: str(self.path),
            LABEL_FILE: self._file,
            LABEL_HOST: machine.name(),
            LABEL_BOOT: machine.boot(),
            LABEL_PROCESS: machine.process(),
        }

    def close(self, *, left: bool = False) -> None:
        """End it. With `left` something of it is still there, as its free lock tells `clean`."""
        self._lock.release()
        if not left:
            self.path.unlink(missing_ok=True)


def _identity(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}"


def _is_dead(labels: Mapping[str, str]) -> bool | None:
    """Whether the session of something with these labels has ended; None if nobody here can tell.

    It has if its process, which we would see, is gone, or if its lock, which we see, is free.
    """
    is_boot_ours = bool(machine.boot()) and labels.get(LABEL_BOOT) == machine.boot()
    is_host_ours = labels.get(LABEL_HOST) == machine.name()
    if is_boot_ours and is_host_ours and machine.has_ended(labels.get(LABEL_PROCESS, "")):
        return True
    path = Path(labels.get(LABEL_LOCK, ""))
    device, _, number = labels.get(LABEL_FILE, "").partition(":")
    try:
        found = path.stat()
    except OSError:
        return None
    # After another start of the machine, the same disk may have another number.
    is_same = str(found.st_dev) == device if is_boot_ours else is_host_ours
    if not is_same or str(found.st_ino) != number:
        return None
    return _is_free(path)


def _is_free(path: Path) -> bool | None:
    """Whether nobody holds a lock file; None if that can't be told."""
    try:
        with FileLock(path, timeout=0):
            return True
    except Timeout:
        return not path.exists()  # another process has just found it dead
    except OSError:
        return None


class _Left(NamedTuple):
    """Something with the label of a session."""

    name: str
    labels: Mapping[str, str]
    remove: Callable[[], object]


def _labelled(api: docker.APIClient) -> list[_Left]:
    ours = {"label": LABEL_SESSION}
    found = [
        # One that is being removed already has no name any more.
        _Left((c["Names"] or [c["Id"]])[0].lstrip("/"), c["Labels"],
              partial(_remove_container, api, c["Id"]))
        for c in api.containers(all=True, filters=ours)
    ]  # fmt: skip
    found += [
        _Left(network["Name"], network["Labels"], partial(api.remove_network, network["Id"]))
        for network in api.networks(filters=ours)
    ]
    found += [
        _Left(volume["Name"], volume["Labels"], partial(api.remove_volume, volume["Name"]))
        for volume in api.volumes(filters=ours)["Volumes"] or []
    ]
    return found


def elsewhere(client: docker.DockerClient) -> list[str]:
    """What belongs to sessions of which nobody here can tell whether they live; its names.

    Raises `EngineError` if the engine doesn't answer.
    """
    with engine_errors():
        return [left.name for left in _labelled(client.api) if _is_dead(left.labels) is None]


def clean(client: docker.DockerClient | None = None, *, everywhere: bool = False) -> list[str]:
    """Remove the containers and networks that ended sessions left; return their names.

    `everywhere`: also those of sessions of which nobody here can tell whether they live. What can't
    be removed is logged, and left for the next time. Raises `EngineError` if the engine doesn't
    answer.
    """
    if client is None:
        with engine_errors():
            client = docker.from_env(timeout=errors.TIMEOUT)
        try:
            return clean(client, everywhere=everywhere)
        finally:
            client.close()
    removed: list[str] = []
    dead: dict[str, bool] = {}
    locks: dict[str, Path] = {}
    with engine_errors():
        for left in _labelled(client.api):
            session = left.labels[LABEL_SESSION]
            if session not in dead:
                found = _is_dead(left.labels)
                dead[session] = everywhere if found is None else found
                if found:
                    locks[session] = Path(left.labels.get(LABEL_LOCK, ""))
            if not dead[session]:
                continue
            try:
                ignore_gone(left.remove)
            except APIError as error:
                _log.warning("could not remove %s: %s", left.name, engine_words(error))
                locks.pop(session, None)  # it tells the next one that this was left
            else:
                removed.append(left.name)
    removed += _clean_folders()
    for path in locks.values():
        path.unlink(missing_ok=True)
    _clean_locks(dead)
    return removed


def _remove_container(api: docker.APIClient, name: str) -> None:
    """Remove it, or wait until another process, which does the same, has removed it."""
    try:
        api.remove_container(name, force=True, v=True)
    except APIError as error:
        if error.status_code != 409:
            raise
        api.wait(name, timeout=errors.TIMEOUT, condition="removed")


def _clean_locks(known: Container[str]) -> None:
    """Remove the files of sessions that were killed before they had made anything."""
    for path in _sessions().glob("*.lock"):
        if path.stem in known:
            continue
        with contextlib.suppress(Timeout, OSError), FileLock(path, timeout=0):
            path.unlink(missing_ok=True)


def _clean_folders() -> list[str]:
    """Remove the folders that ended sessions left on this machine; return their paths."""
    removed = []
    for folder in _sessions().glob(f"*@{machine.name()}"):
        lock = folder.with_name(f"{folder.name.partition('@')[0]}.lock")
        if not lock.exists() or _is_free(lock):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(str(folder))
    return removed
