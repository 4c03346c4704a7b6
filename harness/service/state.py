"""The service that runs: who it is, and how others find it.

One service a user. It holds a lock file for as long as it lives, so that a killed one is never
taken for a living one; what else is in its folder says where it is.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from harness import paths
from harness.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY_SECONDS = 60
"""In which a service must be ready."""

DEFAULTS = "sagemaker-defaults.yaml"
"""The name of the SageMaker SDK's defaults file."""

_LOCK_SECONDS = 1
_PROBE_SECONDS = 0.1  # others, too, hold the lock for a moment to see whether it is free
_POLL_SECONDS = 0.05
_HEALTH_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Running:
    """A service that runs. Its `url` is empty until it answers."""

    pid: int
    started: str
    region: str
    account_id: str
    bucket: str
    url: str = ""

    def as_dict(self) -> dict[str, str | int]:
        return dataclasses.asdict(self)


def find() -> Running | None:
    """The service that runs, once it is ready; None if there is none.

    Raises:
        ServiceError: it is starting, and has been for too long.
    """
    deadline = time.monotonic() + READY_SECONDS
    while True:
        found = find_at_once()
        if found is None or found.url:
            return found
        if time.monotonic() > deadline:
            raise ServiceError(
                f"the local AWS of process {found.pid} has not got ready in {READY_SECONDS} s; "
                "`harness down` ends it."
            )
        time.sleep(_POLL_SECONDS)


def find_at_once() -> Running | None:
    """The service that runs, also if it isn't ready yet.

    Raises:
        ServiceError: something holds its lock and doesn't say who it is.
    """
    if _wait_until_free(_PROBE_SECONDS):
        return None
    try:
        return _read()
    except (OSError, ValueError, TypeError):
        # It has just taken, or is about to give up, the lock.
        time.sleep(_LOCK_SECONDS)
    if _wait_until_free(_PROBE_SECONDS):
        return None
    try:
        return _read()
    except (OSError, ValueError, TypeError) as error:
        raise ServiceError(
            f"a local AWS runs, but {_state_file()} doesn't say where: {error}; end the process "
            f"that holds {_lock().lock_file}."
        ) from error


def is_healthy(url: str) -> bool:
    """Whether a local AWS answers at `url`."""
    return about(url) is not None


def about(url: str) -> dict[str, str] | None:
    """What a local AWS at `url` says of itself; None if none answers."""
    from harness.local.http.dispatch import HEALTH_PATH

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", HEALTH_PATH)
        response = connection.getresponse()
        said = json.loads(response.read()) if response.status == http.HTTPStatus.OK else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return said if isinstance(said, dict) and "account_id" in said else None


@contextmanager
def being_the_only_one(running: Running) -> Iterator[None]:
    """Be the service that others find, for as long as the block takes.

    Raises:
        ServiceError: one runs already.
    """
    lock = _lock()
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise runs_already(find()) from None
    try:
        write(running)
        yield
    finally:
        _state_file().unlink(missing_ok=True)
        lock.release()


def write(running: Running) -> None:
    """Replace the state file at once, so that nobody reads half of it."""
    draft = _state_file().with_suffix(".new")
    draft.write_text(json.dumps(running.as_dict()))
    draft.replace(_state_file())


def runs_already(found: Running | None) -> ServiceError:
    which = f" at {found.url} (process {found.pid})" if found else ""
    return ServiceError(
        f"the local AWS runs already{which}; use it with `harness env`, or end it with "
        "`harness down`."
    )


def log_file() -> Path:
    """Where a detached service writes its log."""
    return _folder() / "service.log"


def defaults_file() -> Path:
    """The SageMaker SDK's defaults for those who use the service."""
    return _folder() / DEFAULTS


def data_folder() -> Path:
    """What botocore reads beside its own models, of those who use the service."""
    return _folder() / "botocore"


def _folder() -> Path:
    folder = paths.state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _state_file() -> Path:
    return _folder() / "service.json"


def _read() -> Running:
    return Running(**json.loads(_state_file().read_text()))


def _lock() -> FileLock:
    return FileLock(_folder() / "service.lock", poll_interval=_POLL_SECONDS)


def _wait_until_free(seconds: float) -> bool:
    """Whether nothing runs, or will have ended within so many seconds."""
    try:
        with _lock().acquire(timeout=seconds):
            _state_file().unlink(missing_ok=True)
            return True
    except Timeout:
        return False
