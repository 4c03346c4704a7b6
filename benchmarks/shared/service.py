"""`harness` in processes of its own: a command, or a local AWS with jobs and endpoints on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from botocore.config import Config

from harness.local.core.client import local_boto_session
from shared import gauss3, waiting
from shared.command import ROOT, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROLE = "arn:aws:iam::123456789012:role/benchmark"
INSTANCE: Final = "ml.m5.large"
POLL = 0.5
LIMIT = 600  # seconds for anything here


class Usage(NamedTuple):
    """What a process holds."""

    megabytes: float
    threads: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return cls(
            int(fields["VmRSS"].split()[0]) / 1024,
            int(fields["Threads"]),
            len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208  # fds come and go: names only
        )

    def most(self, other: Usage) -> Usage:
        """The most of each."""
        return Usage(
            max(self.megabytes, other.megabytes),
            max(self.threads, other.threads),
            max(self.files, other.files),
        )


class Watch:
    """Looks at a process ten times a second; `peak` is the most it has held of each."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = Usage.of(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            self.peak = self.peak.most(Usage.of(self.pid))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


class Service:
    """A local AWS in a process of its own, and jobs and endpoints on it."""

    def __init__(self, running: dict[str, Any], image: str) -> None:
        self.pid: int = running["pid"]
        self.url: str = running["url"]
        self.bucket: str = running["bucket"]
        self._image = image
        session = local_boto_session(self.url, running["region"])
        options = Config(max_pool_connections=100)
        self.s3 = session.client("s3", config=options)
        self.sagemaker = session.client("sagemaker", config=options)
        self.runtime = session.client("sagemaker-runtime", config=options)

    def train(self, name: str, above: float = 0.0) -> str:
        """Train on Gauss3 with its target so much higher; returns the model's ETag."""
        settings = load_settings()
        for channel, rows in gauss3.channels(above).items():
            key = f"{name}/{channel}/{channel}.csv"
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=rows)
        self.run_job(
            name,
            {channel: f"{name}/{channel}/" for channel in ("train", "test")},
            {
                "MetricDefinitions": [
                    {"Name": name, "Regex": regex}
                    for name, regex in settings.metrics.definitions.items()
                ]
            },
            settings.hyperparameters,
        )
        return self.s3.head_object(Bucket=self.bucket, Key=model_key(name))["ETag"]

    def run_job(
        self,
        name: str,
        channels: Mapping[str, str],
        algorithm: Mapping[str, Any],
        hyperparameters: Mapping[str, str],
    ) -> dict[str, Any]:
        """Run a training job on channels of these prefixes; returns its description at the end."""
        request = self.definition(channels, algorithm)
        self.sagemaker.create_training_job(
            TrainingJobName=name, HyperParameters=hyperparameters, **request
        )
        describe = partial(self.sagemaker.describe_training_job, TrainingJobName=name)
        return _described(name, describe, "TrainingJobStatus", "Completed")

    def definition(
        self, channels: Mapping[str, str], algorithm: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A training job's request, but for its name and hyperparameters."""
        sources = {
            channel: {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self.bucket}/{prefix}"}
            for channel, prefix in channels.items()
        }
        return {
            "AlgorithmSpecification": {
                "TrainingImage": self._image, "TrainingInputMode": "File", **algorithm
            },
            "InputDataConfig": [
                {"ChannelName": channel, "DataSource": {"S3DataSource": source}}
                for channel, source in sources.items()
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
            "ResourceConfig": {
                "InstanceType": INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 10
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": LIMIT},
            "RoleArn": ROLE,
        }  # fmt: skip

    def deploy(self, name: str, archive: str, poll: float = POLL) -> float:
        """Serve the model of that key; the seconds from CreateEndpoint to InService."""
        self.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={
                "Image": self._image, "ModelDataUrl": f"s3://{self.bucket}/{archive}"
            },
            ExecutionRoleArn=ROLE,
        )  # fmt: skip
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{
                "VariantName": "AllTraffic", "ModelName": name, "InstanceType": INSTANCE,
                "InitialInstanceCount": 1,
            }],
        )  # fmt: skip
        start = time.perf_counter()
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        describe = partial(self.sagemaker.describe_endpoint, EndpointName=name)
        _described(name, describe, "EndpointStatus", "InService", poll)
        return time.perf_counter() - start

    def delete(self, name: str) -> None:
        """Delete the endpoint, with its configuration and model, and wait until it is gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        self.sagemaker.delete_model(ModelName=name)

        def deleted() -> bool:
            found = self.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
            return name not in [each["EndpointName"] for each in found]

        _wait_until(deleted, name)


def model_key(job: str) -> str:
    """The key of what a job has trained."""
    return f"out/{job}/output/model.tar.gz"


def _described(
    name: str, describe: Callable[[], Any], status: str, goal: str, poll: float = POLL
) -> dict[str, Any]:
    """The description once its status is the goal."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = describe()
        if found[status] in ("Failed", "Stopped"):
            raise SystemExit(f"{name} is {found[status]}: {found.get('FailureReason')}")
        return found if found[status] == goal else None

    return _wait_until(look, name, poll)


def _wait_until(look: Callable[[], waiting.T | None], name: str, poll: float = POLL) -> waiting.T:
    late = f"{name} has not ended within {LIMIT} s"
    return waiting.wait_until(look, lambda: late, limit=LIMIT, poll=poll)


def run_harness(*arguments: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the command says with `--json`."""
    ran = subprocess.run(
        [sys.executable, "-m", "harness", *arguments, "--json"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise SystemExit(f"harness {arguments[0]} ended with {ran.returncode}:\n{ran.stderr}")
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return answer


@contextmanager
def service(image: str) -> Iterator[Service]:
    """`harness up` in its own process, with its state in a folder of its own."""
    with tempfile.TemporaryDirectory() as state:
        environ = {**os.environ, "XDG_STATE_HOME": state}
        running = run_harness("up", "--detach", "--port", "0", environ=environ)
        try:
            yield Service(running, image)
        finally:
            run_harness("down", environ=environ)
