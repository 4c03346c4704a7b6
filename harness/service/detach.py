"""The service as a process of its own, in the background: what `harness up --detach` does."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

from harness.errors import ServiceError
from harness.service.state import (
    READY_SECONDS,
    Running,
    is_healthy,
    log_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_KILL_SECONDS = 10


def detach(
    host: str,
    port: int,
    registry: str,
    config: Path | None,
    state: Path | None = None,
    loudness: Sequence[str] = (),
) -> Running:
    """Start the service as a process of its own, and return when it is ready.

    `config` names its settings, as for `config.load`; the others go over what it says. `state` is
    the folder that it begins with and saves in. `loudness` is -q or -v, for its log.

    Raises:
        ServiceError: it didn't get ready; the text is its own words.
    """
    process = _start(host, port, registry, config, state, loudness)
    try:
        return _wait_until_ready(process)
    except BaseException:
        process.terminate()
        try:
            process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _start(
    host: str,
    port: int,
    registry: str,
    config: Path | None,
    state: Path | None,
    loudness: Sequence[str],
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness", "up", "--json", "--host", host, "--port", str(port)]
    command += loudness
    if registry:
        command += ["--registry", registry]
    if config is not None:
        command += ["--config", str(config)]
    if state is not None:
        command += ["--state", str(state)]
    with log_file().open("ab") as log:
        log.truncate(0)
        return subprocess.Popen(
            command,
            # The engine was looked for, and set up, where somebody could see it.
            env={**os.environ, "HARNESS_NO_ENGINE_SETUP": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_ready(process: subprocess.Popen[bytes]) -> Running:
    """Read the one object that `up --json` prints when it is ready, or when it fails."""
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    said, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    if not said:
        raise ServiceError(
            f"the local AWS wasn't ready within {READY_SECONDS} s and was ended; see {log_file()}."
        )
    try:
        answer = json.loads(process.stdout.readline())
    except ValueError:
        status = process.wait(_KILL_SECONDS)
        raise ServiceError(
            f"the local AWS ended with status {status} before it was ready: "
            f"{_last_line(log_file())} (the whole of it is in {log_file()})."
        ) from None
    if "error" in answer:
        failure = ServiceError(answer["error"])
        failure.exit_code = process.wait(_KILL_SECONDS)
        raise failure
    running = Running(**answer)
    if not is_healthy(running.url):
        raise ServiceError(
            f"the local AWS at {running.url} doesn't answer and was ended; see {log_file()}."
        )
    return running


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
