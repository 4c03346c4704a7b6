"""The local AWS as a service: used from a shell by the AWS CLI, ended, killed, and reached."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.local.core.client import local_boto_session
from tests.integration.support import WAIT, Names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient
    from types_boto3_sagemaker import SageMakerClient

ROLE = "arn:aws:iam::111122223333:role/anybody"
REACH = "from urllib.request import urlopen as o;print(o(__import__('os').environ['%s']).read())"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


class Shell:
    """A shell in a folder of its own, with the keys of somebody who works on AWS."""

    def __init__(self, folder: Path, docker_client: DockerClient) -> None:
        self.folder = folder
        self._docker = docker_client
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "XDG_STATE_HOME": str(folder / "state"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
            "AWS_SECRET_ACCESS_KEY": "a-real-secret",
            "AWS_SESSION_TOKEN": "a-real-token",
            "PYTHON": sys.executable,
        }

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environ | variables,
            capture_output=True,
            text=True,
            timeout=2 * WAIT,
            check=False,
        )

    def harness(self, arguments: str) -> dict[str, Any]:
        """What `harness ARGUMENTS --json` answers; it must succeed."""
        result = self.run(f'"$PYTHON" -m harness {arguments} --json')
        assert result.returncode == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return answer

    def aws(self, arguments: str, **variables: str) -> str:
        """What `aws ARGUMENTS` prints in a shell that has evaluated `harness env`."""
        command = f'eval "$("$PYTHON" -m harness env)" && "$PYTHON" -m awscli {arguments}'
        result = self.run(command, **variables)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def containers(self, name: str) -> list[str]:
        found = self._docker.api.containers(all=True, filters={"name": f"^/{name}"})
        return [container["Names"][0] for container in found]

    def wait_for_container(self, name: str) -> None:
        deadline = time.monotonic() + WAIT
        pause = threading.Event()
        while not self.containers(name):
            assert time.monotonic() < deadline, f"no container of {name}"
            pause.wait(0.1)


def training_job(name: str, image: str, **members: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://harness-local/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **members,
    }


def sagemaker(running: dict[str, Any]) -> SageMakerClient:
    """A client of the service that `harness up --json` has told of."""
    return local_boto_session(running["url"], running["region"]).client("sagemaker")


def train(running: dict[str, Any], name: str, image: str, **members: Any) -> None:
    sagemaker(running).create_training_job(**training_job(name, image, **members))


def finish(running: dict[str, Any], name: str) -> str:
    """Wait until the job has ended; its status."""
    deadline = time.monotonic() + WAIT
    pause = threading.Event()
    client = sagemaker(running)
    while True:
        described = client.describe_training_job(TrainingJobName=name)
        status = str(described["TrainingJobStatus"])
        if status in ("Completed", "Failed", "Stopped"):
            return f"{status}: {described['FailureReason']}" if status == "Failed" else status
        assert time.monotonic() < deadline, status
        pause.wait(0.1)


@pytest.fixture
def shell(tmp_path: Path, docker_client: DockerClient) -> Iterator[Shell]:
    shell = Shell(tmp_path, docker_client)
    yield shell
    shell.run('"$PYTHON" -m harness down')


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
