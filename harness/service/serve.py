"""The local AWS as a service, in this process: what `harness up` does."""

from __future__ import annotations

import dataclasses
import os
import resource
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from harness import startup
from harness.errors import ServiceError
from harness.limits import memory
from harness.service import state
from harness.service.engine import remove_leftovers
from harness.service.environment import sdk_defaults
from harness.service.state import Running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.config.settings import Settings

_MAX_FILES = 65_536


def require_room(host: str, port: int) -> None:
    """Have what would keep a service from listening said at once, before anything is loaded.

    Raises:
        ServiceError: one runs already, or it can't listen on `host` and `port`.
    """
    from harness.local.http.sockets import listening

    if found := state.find():
        raise state.runs_already(found)
    try:
        listening(host, port).close()
    except OSError as error:
        raise ServiceError(str(error)) from error


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    state_folder: Path | None = None,
    progress: Callable[[str], None],
    ready: Callable[[Running], None],
    wait: Callable[[], None],
) -> None:
    """Run the service in this process: call `ready` when it answers, and end it after `wait`.

    `state_folder`: it takes up what was saved there, and saves there what it knows in the end.

    Raises:
        ServiceError: one runs already, it can't listen on `host` and `port`, or the state can't be
            taken up or saved.
    """
    from harness.local.aws import LocalAWS
    from harness.local.core.client import ensure_bucket, local_boto_session

    bucket = settings.local.bucket
    running = Running(
        pid=os.getpid(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        region=settings.region,
        account_id=settings.local.account_id,
        bucket=bucket,
    )
    with state.being_the_only_one(running), startup.without_aws():
        _allow_many_files()
        memory.limit()
        remove_leftovers(progress)
        local = settings.local
        server = LocalAWS(
            settings.region, local.account_id, host, port, registry=local.registry,
            faults=settings.faults, gpu=local.gpu, state=state_folder,
        )  # fmt: skip
        try:
            server.start()
        except OSError as error:
            raise ServiceError(str(error)) from error
        try:
            make_bucket = partial(
                ensure_bucket, local_boto_session(server.url, settings.region), bucket
            )
            make_bucket()
            server.on_reset(make_bucket)
            state.defaults_file().write_text(sdk_defaults(bucket))
            running = dataclasses.replace(running, url=_url_of_clients(server.url))
            state.write(running)
            ready(running)
            wait()
            if state_folder is not None:
                server.save_state()
        finally:
            server.close()


def _allow_many_files() -> None:
    """Raise this process's limit: moto has a file open for each large object in S3."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _url_of_clients(url: str) -> str:
    """`0.0.0.0` and `::` are addresses to listen on, not to call."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
