"""The local AWS as a service: what `harness up`, `harness down` and `harness env` do.

One service a user. It holds a lock file for as long as it lives, so that a killed one is never
taken for a living one; what else is in its folder says where it is.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import resource
import select
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import platformdirs
from filelock import FileLock, Timeout

from harness.errors import EngineError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.config import Settings

READY_SECONDS = 60
"""In which a detached service must be ready."""

STOP_SECONDS = 120
"""In which a service must have ended, with all it runs; then it is killed."""

_KILL_SECONDS = 10
_LOCK_SECONDS = 1
_PROBE_SECONDS = 0.1  # others, too, hold the lock for a moment to see whether it is free
_POLL_SECONDS = 0.05
_HEALTH_SECONDS = 10
_MAX_FILES = 65_536

# What would turn calls away from AWS_ENDPOINT_URL, or sign them with keys of yours.
_UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
_ENDPOINT_PREFIX = "AWS_ENDPOINT_URL_"
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


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


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    progress: Callable[[str], None],
    ready: Callable[[Running], None],
    wait: Callable[[], None],
) -> None:
    """Run the service in this process: call `ready` when it answers, and end it after `wait`.

    Raises:
        ServiceError: one runs already, or it can't listen on `host` and `port`.
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
    with _being_the_only_one(running):
        _allow_many_files()
        remove_leftovers(progress)
        local = settings.local
        server = LocalAWS(settings.region, local.account_id, host, port, registry=local.registry)
        try:
            server.start()
        except OSError as error:
            raise ServiceError(str(error)) from error
        try:
            ensure_bucket(local_boto_session(server.url, settings.region), bucket)
            _defaults_file().write_text(_sdk_defaults(bucket))
            running = dataclasses.replace(running, url=_url_of_clients(server.url))
            _write(running)
            ready(running)
            wait()
        finally:
            server.close()


def _allow_many_files() -> None:
    """Raise this process's limit: moto has a file open for each large object in S3."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def detach(host: str, port: int, registry: str, config: Path | None) -> Running:
    """Start the service as a process of its own, and return when it is ready.

    `config` names its settings, as for `config.load`; the others go over what it says.

    Raises:
        ServiceError: it didn't get ready; the text is its own words.
    """
    if found := find():
        raise _runs_already(found)
    command = [sys.executable, "-m", "harness", "up", "--json", "--host", host, "--port", str(port)]
    if registry:
        command += ["--registry", registry]
    if config is not None:
        command += ["--config", str(config)]
    with log_file().open("ab") as log:
        log.truncate(0)
        process = subprocess.Popen(
            command,
            # The engine was looked for, and set up, where somebody could see it.
            env={**os.environ, "HARNESS_NO_ENGINE_SETUP": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        running = _wait_until_ready(process)
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
    return running


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


def is_healthy(url: str) -> bool:
    """Whether a local AWS answers at `url`."""
    from harness.local.http.dispatch import HEALTH_PATH

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", HEALTH_PATH)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def find() -> Running | None:
    """The service that runs, once it is ready; None if there is none.

    Raises:
        ServiceError: it is starting, and has been for too long.
    """
    deadline = time.monotonic() + READY_SECONDS
    while True:
        found = _find()
        if found is None or found.url:
            return found
        if time.monotonic() > deadline:
            raise ServiceError(
                f"the local AWS of process {found.pid} has not got ready in {READY_SECONDS} s; "
                "`harness down` ends it."
            )
        time.sleep(_POLL_SECONDS)


def down() -> Running | None:
    """End the service and all it runs, and wait for it; None if there was none.

    Raises:
        ServiceError: it had to be killed.
    """
    found = _find()
    if found is None:
        return None
    try:
        # Never another process that has the number by now.
        process = os.pidfd_open(found.pid)
    except ProcessLookupError:
        return found
    try:
        if _end(process, signal.SIGTERM, STOP_SECONDS):
            return found
        _end(process, signal.SIGKILL, _KILL_SECONDS)
    finally:
        os.close(process)
    raise ServiceError(
        f"the local AWS of process {found.pid} had not ended after {STOP_SECONDS} s and was "
        "killed; `harness clean` removes what it may have left."
    )


def _end(process: int, number: signal.Signals, seconds: float) -> bool:
    """Send the signal to a process by its descriptor; whether it has ended within `seconds`."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, number)
    ended, _, _ = select.select([process], [], [], seconds)
    return bool(ended)


def remove_leftovers(progress: Callable[[str], None]) -> list[str]:
    """Remove the containers that killed processes left; says so if there is no engine to ask."""
    from harness.image import docker_engine
    from harness.local.engine import sessions

    try:
        removed = sessions.clean(docker_engine.connect())
    except EngineError as error:
        progress(f"harness: {error}")
        return []
    for name in removed:
        progress(f"removed {name}, which a killed process left")
    return removed


def prepare_engine(progress: Callable[[str], None]) -> None:
    """Find or set up the Docker engine; without one, all but jobs and endpoints works."""
    from harness.image import docker_engine

    try:
        docker_engine.ensure(progress)
    except EngineError as error:
        progress(f"harness: jobs and endpoints will fail until there is an engine: {error}")


def environment(running: Running, environ: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that any SDK needs, and as None those that must not be set.

    `environ` is the environment that they are meant for.
    """
    from harness.local.core.client import DUMMY_KEY

    variables: dict[str, str | None] = {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        # Host prefixes ("sync-127.0.0.1") don't resolve.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(_defaults_file()),
    }
    if any(environ.get(name) for name in _PROXIES):
        host = urlsplit(running.url).hostname or ""
        for name in ("no_proxy", "NO_PROXY"):
            listed = [each for each in environ.get(name, "").split(",") if each]
            variables[name] = ",".join(listed if host in listed else [*listed, host])
    others = sorted(name for name in environ if name.startswith(_ENDPOINT_PREFIX))
    return variables | dict.fromkeys((*_UNSET, *others))


def as_shell(variables: Mapping[str, str | None]) -> str:
    """The variables as commands of a POSIX shell."""
    exports = [
        f"export {name}={shlex.quote(value)}"
        for name, value in variables.items()
        if value is not None
    ]
    unset = [name for name, value in variables.items() if value is None]
    return "\n".join([*exports, f"unset {' '.join(unset)}"])


def log_file() -> Path:
    """Where a detached service writes its log."""
    return _folder() / "service.log"


def _sdk_defaults(bucket: str) -> str:
    """The SageMaker SDK's defaults file, for v2 and v3: YAML, of which JSON is a part."""
    modules = {"Session": {"DefaultS3Bucket": bucket}, "TelemetryOptOut": True}
    document = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": modules}}}
    return json.dumps(document, indent=2) + "\n"


def _folder() -> Path:
    folder = Path(platformdirs.user_state_dir("harness"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _state_file() -> Path:
    return _folder() / "service.json"


def _defaults_file() -> Path:
    return _folder() / "sagemaker-defaults.yaml"


def _lock() -> FileLock:
    return FileLock(_folder() / "service.lock", poll_interval=_POLL_SECONDS)


@contextmanager
def _being_the_only_one(running: Running) -> Iterator[None]:
    lock = _lock()
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise _runs_already(find()) from None
    try:
        _write(running)
        yield
    finally:
        _state_file().unlink(missing_ok=True)
        lock.release()


def _runs_already(found: Running | None) -> ServiceError:
    which = f" at {found.url} (process {found.pid})" if found else ""
    return ServiceError(
        f"the local AWS runs already{which}; use it with `harness env`, or end it with "
        "`harness down`."
    )


def _find() -> Running | None:
    """The service that runs, also if it isn't ready yet."""
    if _wait_until_free(_PROBE_SECONDS):
        return None
    try:
        return Running(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError):
        # It has just taken, or is about to give up, the lock.
        time.sleep(_LOCK_SECONDS)
    if _wait_until_free(_PROBE_SECONDS):
        return None
    try:
        return Running(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ServiceError(
            f"a local AWS runs, but {_state_file()} doesn't say where: {error}; end the process "
            f"that holds {_lock().lock_file}."
        ) from error


def _wait_until_free(seconds: float) -> bool:
    """Whether nothing runs, or will have ended within so many seconds."""
    try:
        with _lock().acquire(timeout=seconds):
            _state_file().unlink(missing_ok=True)
            return True
    except Timeout:
        return False


def _write(running: Running) -> None:
    """Replace the state file at once, so that nobody reads half of it."""
    draft = _state_file().with_suffix(".new")
    draft.write_text(json.dumps(running.as_dict()))
    draft.replace(_state_file())


def _url_of_clients(url: str) -> str:
    """`0.0.0.0` and `::` are addresses to listen on, not to call."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
