"""What the integration tests share: clients of one local AWS, unique names, bounded waits."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    import boto3
    import docker
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.forked import Forked

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
WAIT = 60
POLL = 0.1


def finish(process: subprocess.Popen[str] | Forked) -> tuple[int, dict[str, Any], str]:
    """Exit status, the object on the last line of stdout, and stderr."""
    out, err = process.communicate(timeout=240)
    lines = out.splitlines()
    return process.wait(), json.loads(lines[-1]) if lines else {}, err


class Names:
    """Names that no other test has."""

    def __init__(self, stem: str) -> None:
        self._stem = "".join(c if c.isalnum() else "-" for c in stem).strip("-")[:30].strip("-")

    def new(self, kind: str) -> str:
        return f"{self._stem}-{kind}-{uuid.uuid4().hex[:8]}"


class AWS:
    """boto3's clients for a local AWS, a bucket, and waits that end."""

    def __init__(self, session: boto3.Session, engine: docker.DockerClient, bucket: str) -> None:
        self.session = session
        self.sagemaker: SageMakerClient = session.client("sagemaker")
        self.runtime: SageMakerRuntimeClient = session.client("sagemaker-runtime")
        self.s3: S3Client = session.client("s3")
        self.logs: CloudWatchLogsClient = session.client("logs")
        self.bucket = bucket
        self._engine = engine
        self.s3.create_bucket(Bucket=bucket)

    def create_training_job(self, name: str, image: str, **members: Any) -> None:
        """A training job of one host; members given are instead of these, or besides."""
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 120},
            **members,
        }
        self.sagemaker.create_training_job(**request)

    def create_endpoint(
        self, name: str, *, model: str = "", container: Any = None, **variant: Any
    ) -> None:
        """An endpoint, and its configuration, of one variant: of the model, or a new one."""
        if container is not None:
            self.sagemaker.create_model(
                ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE
            )
        whole: Any = {
            "VariantName": "AllTraffic",
            "ModelName": model or name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            **variant,
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[whole])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def invoke(self, endpoint: str, body: bytes, **members: Any) -> Any:
        return self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **members)

    def instance(self, endpoint: str) -> str:
        """Which container of the probe image answers; empty while it is being replaced."""
        try:
            answer = self.invoke(endpoint, b"", ContentType="probe/instance")
        except ClientError:
            return ""
        return str(answer["Body"].read().decode())

    def wait(self, waiter: str, **members: Any) -> None:
        """boto3's waiter of that name, polling often; a failed end is an end too."""
        waiting: Any = self.sagemaker.get_waiter(waiter)  # type: ignore[call-overload]
        config = {"Delay": POLL, "MaxAttempts": int(WAIT / POLL)}
        try:
            waiting.wait(**members, WaiterConfig=config)
        except WaiterError as error:
            if "Max attempts exceeded" in str(error):
                raise

    def wait_until(self, true: Callable[[], Any], what: str) -> Any:
        """What the call returns once that is true."""
        deadline = time.monotonic() + WAIT
        pause = threading.Event()
        while not (found := true()):
            assert time.monotonic() < deadline, f"not within {WAIT} s: {what}"
            pause.wait(POLL)
        return found

    def wait_for_log(self, group: str, prefix: str, message: str) -> None:
        """Wait until a stream of the group has the line."""

        self.wait_until(
            lambda: message in self.log(group, prefix), f"log line {message!r} in {group} {prefix}"
        )

    def log(self, group: str, prefix: str) -> list[str]:
        """The lines of the group's streams whose names begin with `prefix`; none if none exist."""
        # Not filter_log_events: moto's doesn't look at its logStreamNamePrefix.
        try:
            streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        lines: list[str] = []
        for stream in streams["logStreams"]:
            token: dict[str, Any] = {}
            while True:
                page = self.logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True,
                    **token,
                )  # fmt: skip
                lines += [event["message"] for event in page["events"]]
                if token.get("nextToken") == page["nextForwardToken"]:
                    break
                token = {"nextToken": page["nextForwardToken"]}
        return lines

    def containers(self, name: str) -> list[str]:
        """Containers, also stopped ones, whose names begin with `name`."""
        found = self._engine.api.containers(all=True, filters={"name": f"^/{name}"})
        return [container["Names"][0] for container in found]
