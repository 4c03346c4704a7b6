"""`harness ls`, `logs`, `invoke`, `exec` and `stop`, on a job and an endpoint that run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.support import WAIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.local.aws import LocalAWS
    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


class Terminal:
    """Runs `harness` on the tests' local AWS."""

    def __init__(self, aws: LocalAWS, folder: Path) -> None:
        self._options = {
            "cwd": str(folder),
            "env": {**os.environ, "HARNESS_LOCAL_ENDPOINT_URL": aws.url},
            "text": True,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self._options,
        )  # type: ignore[call-overload]  # fmt: skip

    def __call__(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(stdin, timeout=WAIT)
            return process.returncode, out, err


@pytest.fixture
def harness(local_aws: LocalAWS, tmp_path: Path) -> Terminal:
    return Terminal(local_aws, tmp_path)


@pytest.mark.slow
def test_a_job_is_listed_followed_entered_and_stopped(
    harness: Terminal, aws: AWS, create: Callable[..., str]
) -> None:
    name = create("until-sigterm")
    followed = harness.start("logs", "-f", name)
    assert followed.stdout is not None
    watchdog = threading.Timer(WAIT, followed.kill)
    watchdog.start()
    while "waiting for SIGTERM" not in (line := followed.stdout.readline()):
        assert line, "the log ended"

    status, listed, _ = harness("ls", "--running")
    assert status == 0
    assert any(f" {name} " in line and "InProgress" in line for line in listed.splitlines())

    script = "import sys; print(open('/etc/hostname').read().strip(), input()); sys.exit(7)"
    entered = harness("exec", name, "python3", "-c", script, stdin="heard\n")
    assert entered[:2] == (7, "algo-1 heard\n")
    assert harness("exec", "--host", "algo-2", name, "ls")[2].endswith(
        f"training job {name} has no container of algo-2, but of algo-1.\n"
    )
    status, out, err = harness("exec", name, "no-such-program")
    assert status in (1, 126, 127)
    assert "no-such-program" in out + err

    status, stopped, _ = harness("stop", name)
    assert (status, stopped) == (0, f"training job {name} is Stopped\n")
    _, err = followed.communicate(timeout=WAIT)
    watchdog.cancel()
    assert followed.returncode == 0
    assert f"training job {name} is Stopped." in err


def test_an_endpoint_is_invoked_entered_and_deleted(
    harness: Terminal, aws: AWS, names: Names, probe_image: str, tmp_path: Path
) -> None:
    name = names.new("endpoint")
    aws.create_endpoint(name, container={"Image": probe_image})
    aws.wait("endpoint_in_service", EndpointName=name)
    (tmp_path / "row.csv").write_text("1,2,3\n")

    status, answer, err = harness("invoke", name, "row.csv", "--accept", "text/csv")
    assert status == 0, err
    assert answer
    assert " bytes in " in err
    assert harness("exec", name, "sh", "-c", "exit 3")[0] == 3

    began = time.monotonic()
    assert harness("stop", name)[1] == f"endpoint {name} is Deleted\n"
    assert time.monotonic() - began < WAIT
    assert aws.containers(name) == []
