"""A shell in which a service is started, and what is asked of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from harness.local.core.client import local_boto_session
from tests.integration.support import WAIT

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient
    from types_boto3_sagemaker import SageMakerClient

ROLE = "arn:aws:iam::111122223333:role/anybody"


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
