"""The service under attack: `harness up` in a process of its own, and clients of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import docker

from harness import machine
from harness.local.core.client import local_boto_session
from harness.local.engine.sessions import LABEL_HOST
from tests.integration.support import AWS

if TYPE_CHECKING:
    from tests.torture.tally import Tally

READY_SECONDS = 60
END_SECONDS = 90

ANSWER_SECONDS = 10.0
"""In which any request must be answered while an attack goes on."""

HEALTH = "/_harness/health"


class Service:
    """A `harness up` on a free port, with a state folder and a machine's name of its own.

    A context manager. What it runs is seen by nobody else's clean-up, and it sees nobody else's.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` are those of `harness up` besides."""
        self.folder = folder
        self._options = options
        self.machine = f"{machine.name()}-torture-{uuid.uuid4().hex[:6]}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environ = {
            **kept,
            machine.VARIABLE: self.machine,
            "XDG_STATE_HOME": str(folder / "state"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self.log = folder / "service.log"
        self.engine = docker.from_env()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "harness", "up", "--port", "0", "--json", *self._options]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, stderr=log,
                text=True, start_new_session=True,
            )  # fmt: skip
        watchdog = threading.Timer(READY_SECONDS, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        watchdog.cancel()
        if not said:
            raise RuntimeError(f"harness up has not come up: {self.log.read_text()[-2000:]}")
        self.running: dict[str, Any] = json.loads(said)
        self.url: str = self.running["url"]
        self.address: tuple[str, int] = ("127.0.0.1", urlsplit(self.url).port or 0)
        self.boto = local_boto_session(self.url, self.running["region"])

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        process = self.process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            return process.wait(END_SECONDS)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def kill(self) -> None:
        """SIGKILL, and nothing before it."""
        self.process.kill()
        self.process.wait()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def aws(self) -> AWS:
        """Clients, and a new bucket."""
        return AWS(self.boto, self.engine, bucket=f"torture-{uuid.uuid4().hex[:8]}")

    def megabytes(self) -> int:
        """Memory that the service has now (VmRSS)."""
        return resident(self.process.pid)

    def left(self) -> list[str]:
        """Containers, networks and volumes of this service's machine name that the engine has."""
        label = {"label": f"{LABEL_HOST}={self.machine}"}
        api = self.engine.api
        return [
            *(each["Names"][0] for each in api.containers(all=True, filters=label)),
            *(each["Name"] for each in api.networks(filters=label)),
            *(each["Name"] for each in api.volumes(filters=label)["Volumes"] or []),
        ]

    def seconds_to_answer(self) -> float:
        """How long the health check takes; more than `ANSWER_SECONDS` if it isn't answered."""
        start = time.monotonic()
        connection = http.client.HTTPConnection(*self.address, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", HEALTH)
            answered = connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            answered = False
        finally:
            connection.close()
        return time.monotonic() - start if answered else ANSWER_SECONDS + 1


def resident(pid: int) -> int:
    """Megabytes of a process's memory that are its own at the moment."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0


class Watch:
    """Asks the service for its health all through an attack: a context manager.

    What isn't answered in time is a hang; a service that has gone is a restart, after which it is
    started again for the next attack.
    """

    def __init__(self, service: Service, tally: Tally) -> None:
        self._service = service
        self._tally = tally
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.worst = 0.0

    def __enter__(self) -> Self:
        self._before = self._service.megabytes()
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._tally.seconds = time.monotonic() - self._started
        if self._service.alive:
            self._tally.megabytes = (self._before, self._service.megabytes())
            return
        status = self._service.process.returncode
        self._tally.megabytes = (self._before, 0)
        self._tally.went_wrong("restarts", f"the service ended with status {status}")
        self._service.start()

    def _look(self) -> None:
        while not self._ended.wait(0.3) and self._service.alive:
            seconds = self._service.seconds_to_answer()
            self.worst = max(self.worst, seconds)
            if seconds > ANSWER_SECONDS and self._service.alive:
                self._tally.went_wrong("hangs", "the health check wasn't answered")
