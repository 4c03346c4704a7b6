"""The local AWS as a service: used from a shell by the AWS CLI, ended, killed, and reached."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from tests.integration.service.shell import finish, train, training_job
from tests.integration.support import WAIT

if TYPE_CHECKING:
    from tests.integration.service.shell import Shell
    from tests.integration.support import Names

REACH = "from urllib.request import urlopen as o;print(o(__import__('os').environ['%s']).read())"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


def test_the_aws_cli_trains_and_down_leaves_nothing(
    shell: Shell, names: Names, probe_image: str
) -> None:
    running = shell.harness("up --detach --port 0")
    assert "harness-local" in shell.aws("s3 ls")
    name = names.new("job")
    (shell.folder / "job.json").write_text(json.dumps(training_job(name, probe_image)))
    shell.aws("sagemaker create-training-job --cli-input-json file://job.json")
    assert finish(running, name) == "Completed"
    assert f"out/{name}/output/model.tar.gz" in shell.aws("s3 ls --recursive s3://harness-local")

    endless = names.new("endless")
    train(running, endless, probe_image, Environment={"PROBE": "until-sigterm"})
    shell.wait_for_container(endless)
    down = shell.harness("down")

    assert down["ended"]["url"] == running["url"]
    assert shell.containers(endless) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(running["url"], timeout=10)
    log = (shell.folder / "state/harness/service.log").read_text()
    assert "Traceback" not in log
    assert "a-real" not in log


@pytest.mark.slow
def test_what_a_killed_service_leaves_the_next_one_removes(
    shell: Shell, names: Names, probe_image: str
) -> None:
    killed = shell.harness("up --detach --port 0")
    name = names.new("left")
    train(killed, name, probe_image, Environment={"PROBE": "until-sigterm"})
    shell.wait_for_container(name)
    os.kill(killed["pid"], signal.SIGKILL)

    assert shell.containers(name) != []
    deadline = time.monotonic() + WAIT
    while (env := shell.run('"$PYTHON" -m harness env')).returncode == 0:
        assert time.monotonic() < deadline
    assert "no local AWS is running" in env.stderr
    second = shell.harness("up --detach --port 0")

    assert second["pid"] != killed["pid"]
    assert shell.containers(name) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_a_service_in_the_foreground_runs(
    shell: Shell, names: Names, probe_image: str, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "up", "--port", "0", "--json"],
        cwd=shell.folder, env=shell.environ, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        running = json.loads(process.stdout.readline())
        assert running["pid"] == process.pid
        name = names.new("job")
        train(running, name, probe_image, Environment={"PROBE": "until-sigterm"})
        shell.wait_for_container(name)
        process.send_signal(number)
        _, log = process.communicate(timeout=WAIT)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 0, log
    assert "Traceback" not in log
    assert shell.containers(name) == []


@pytest.mark.slow
def test_a_training_script_reaches_the_local_aws_unless_it_is_isolated(
    shell: Shell, names: Names, probe_image: str
) -> None:
    running = shell.harness("up --detach --port 0")
    specification = {
        "TrainingImage": probe_image,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "-c", REACH % "AWS_ENDPOINT_URL"],
    }
    reached, isolated, overridden = (names.new(kind) for kind in ("reached", "isolated", "own"))
    hosts = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    train(
        running,
        reached,
        probe_image,
        AlgorithmSpecification=specification,
        ResourceConfig=hosts,  # which have a network of their own
    )
    train(
        running,
        isolated,
        probe_image,
        AlgorithmSpecification=specification,
        EnableNetworkIsolation=True,
    )
    train(
        running,
        overridden,
        probe_image,
        AlgorithmSpecification=specification,
        Environment={"AWS_ENDPOINT_URL": "data:,mine"},
    )

    assert finish(running, reached) == "Completed"
    assert "KeyError" in finish(running, isolated)
    assert finish(running, overridden) == "Completed"
