"""The Docker engine: the one that answers, or one that is installed and started here.

`connect` only looks; `ensure` also sets up. The engine is whichever the Docker command line would
use: DOCKER_HOST, the current Docker context, else the local socket.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import filelock
import requests
from docker.context import ContextAPI
from docker.errors import DockerException

from harness.errors import EngineError
from harness.image import debian

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SOCKET = Path("/var/run/docker.sock")
LOG = Path("/var/log/harness-dockerd.log")
PID_FILE = Path("/var/run/docker.pid")
CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")

_LOCK = Path("/run/harness-engine.lock")
# Who holds the lock may be installing packages (15 minutes at most) and then starting.
_LOCK_SECONDS = 1200
_START_SECONDS = 60
_CALL_SECONDS = 60
_INSTALL_HINT = (
    "install one (Debian, Ubuntu: `apt-get install docker.io`, then start `dockerd`; "
    "elsewhere Docker Desktop or any Docker-compatible engine), or point DOCKER_HOST at one"
)


def connect(timeout: int = 5) -> docker.DockerClient:
    """The engine that answers within `timeout` seconds. Later calls may take 60 s each.

    Raises:
        EngineError: none answers; the sentence says where it was looked for and what to do.
    """
    host = _host()
    try:
        client = docker.from_env(version="auto", timeout=timeout, max_pool_size=32)
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
        raise EngineError(_why(host, error)) from error
    client.api.timeout = _CALL_SECONDS
    return client


def ensure(progress: Callable[[str], None] = print) -> docker.DockerClient:
    """The engine that answers; where none does, on Debian or Ubuntu and as root, one is set up.

    That is: `docker.io` is installed if `dockerd` is missing, and started, by systemd where it
    runs and else by us, in a session of its own, so that it goes on when we are done.
    HARNESS_NO_ENGINE_SETUP=1 turns this off, and so does naming an engine in DOCKER_HOST or a
    Docker context: that engine is somebody else's to start.

    Raises:
        EngineError: no engine answers and none could be set up.
    """
    try:
        return connect()
    except EngineError:
        if _host() != _default_host() or not debian.may_install():
            raise
    try:
        with filelock.FileLock(_LOCK, timeout=_LOCK_SECONDS):
            try:
                return connect()  # somebody else has set it up while we waited
            except EngineError:
                return _set_up(progress)
    except filelock.Timeout:
        raise EngineError(
            f"another process has been setting up the Docker engine for {_LOCK_SECONDS} s "
            f"(it holds {_LOCK}); see what it is doing, or end it, and try again."
        ) from None


def describe() -> str:
    """The engine in one line, for `harness doctor`.

    Raises:
        EngineError: none answers.
    """
    client = connect()
    info, version = client.info(), client.version()
    return (
        f"Docker {version['Version']} (API {version['ApiVersion']}, {version['Os']}/"
        f"{version['Arch']}, {info['Driver']}, {info['NCPU']} CPUs, "
        f"{info['MemTotal'] / 2**30:.0f} GiB) at {_host()}"
    )


def _default_host() -> str:
    return f"unix://{DEFAULT_SOCKET}"


def _host() -> str:
    """Where docker-py looks, in its own order; as a normal URL (it writes http+unix:// itself)."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    host = ContextAPI.kwargs_from_context(environment=os.environ).get("base_url", "")
    return host.replace("http+unix://", "unix://") or _default_host()


def _why(host: str, error: Exception) -> str:
    where = f"no Docker engine answers at {host}"
    cause = _innermost(error)
    if host.startswith("unix://"):
        if isinstance(cause, FileNotFoundError):
            return f"{where} (there is no such socket): {_INSTALL_HINT}."
        if isinstance(cause, PermissionError):
            return (
                f"{where}: you may not use that socket; add yourself to its group "
                f"(`usermod -aG docker $USER`, then log in again), or run as root."
            )
        if isinstance(cause, ConnectionRefusedError):
            return (
                f"{where} (nothing listens there): start it, by `systemctl start docker`, "
                f"`dockerd` or Docker Desktop."
            )
        return f"{where}: {_words(cause)}; start `dockerd`, or end the one that hangs."
    return f"{where}: {_words(cause)}; start it, or correct DOCKER_HOST or the Docker context."


def _innermost(error: BaseException) -> BaseException:
    """docker-py wraps what requests wraps, which wraps urllib3's, which wraps the socket's."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _words(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _set_up(progress: Callable[[str], None]) -> docker.DockerClient:
    """Install `dockerd` where it is missing, and start it."""
    if shutil.which("dockerd") is None:
        try:
            debian.install("docker.io", "iptables", progress=progress)
        except debian.DebianError as error:
            raise EngineError(f"no Docker engine is installed, and {error}") from error
    progress("starting the Docker engine")
    if Path("/run/systemd/system").is_dir():
        return _start_with_systemd()
    return _start_ourselves()


def _start_with_systemd() -> docker.DockerClient:
    try:
        # `docker.socket` answers first and starts the service; this also waits until it's ready.
        subprocess.run(
            ["systemctl", "start", "docker"], check=True, capture_output=True, timeout=120
        )
    except subprocess.SubprocessError:
        raise EngineError(
            "`systemctl start docker` failed; `journalctl --unit docker` says why."
        ) from None
    return connect()


def _start_ourselves() -> docker.DockerClient:
    """`dockerd`, in a session of its own, with what a killed predecessor left taken away."""
    _remove_stale(PID_FILE, "dockerd")
    _remove_stale(CONTAINERD_PID_FILE, "containerd")
    with LOG.open("ab") as log:
        start = log.tell()
        process = subprocess.Popen(
            ["dockerd"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if client := _wait_for(process):
        return client
    with LOG.open("rb") as log:
        log.seek(start)
        said = debian.last_lines(log.read().decode(errors="replace"))
    raise EngineError(f"`dockerd` did not start: {said} (the whole of it is in {LOG}).")


def _wait_for(process: subprocess.Popen[bytes]) -> docker.DockerClient | None:
    """The engine, once it answers; None if it ends first, or is ended for taking too long."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(EngineError):
            return connect(timeout=2)
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        # It may have lost to another one, such as the package's own init script has started.
        if not _runs(_pid(PID_FILE), "dockerd"):
            return None
        time.sleep(0.1)
    process.terminate()
    return None


def _remove_stale(pid_file: Path, program: str) -> None:
    """dockerd takes any living process of that number for its predecessor and gives up."""
    if pid_file.exists() and not _runs(_pid(pid_file), program):
        pid_file.unlink(missing_ok=True)


def _pid(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text())
    except (OSError, ValueError):
        return None


def _runs(pid: int | None, program: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == program
    except OSError:
        return False
