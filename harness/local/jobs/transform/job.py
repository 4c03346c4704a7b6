"""Transform jobs: a model that serves, and objects in S3 sent to it record by record.

What it asks of the container stands in AWS's developer guide ("Custom Inference Code with Batch
Transform").
"""

from __future__ import annotations

import contextlib
import time
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.local.data import channels, s3_objects
from harness.local.faults import events
from harness.local.hosting.containers import serving
from harness.local.hosting.containers.serving import DeployError, Instance, UnhealthyError
from harness.local.jobs.job import Job, JobError
from harness.local.jobs.transform import requests
from harness.local.jobs.transform.answers import write
from harness.local.jobs.transform.invocations import DATA_ERRORS, Worker
from harness.local.jobs.transform.settings import STRATEGIES, Settings, execution_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.local.core.backend import Backend
    from harness.local.core.logs import LogStream
    from harness.local.hosting.containers.model import Model
    from harness.local.protocol.messages import RequestContext

LOG_GROUP = "/aws/sagemaker/TransformJobs"

STARTUP_TIMEOUT = 1800
"""Seconds in which a container must become healthy (aws/amazon-sagemaker-examples issue 815)."""

STOP_GRACE = 30
"""Seconds from SIGTERM to SIGKILL, as for endpoints."""

DEFAULT_PAYLOAD_IN_MB = 6


# What the request and the description have in common, under the same names.
_DESCRIBED = (
    "TransformJobName",
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformResources",
    "ExperimentConfig",
)


class TransformJob(Job):
    """One transform job: its instances, each with its share of the objects."""

    noun = "TransformJob"
    kind = "transform-job"

    def __init__(
        self, backend: Backend, context: RequestContext, request: Mapping[str, Any], model: Model
    ) -> None:
        super().__init__(backend, context, request)
        self.processing = requests.processing(request)
        self._model = model
        self._instances: list[Instance] = []
        self._failures: list[str] = []

    def saved(self) -> dict[str, Any]:
        return {**super().saved(), "model": self._model.saved()}

    # What the operations ask for.

    def describe(self) -> dict[str, Any]:
        request = self.request
        with self.lock:
            return {
                **{name: request[name] for name in _DESCRIBED if name in request},
                # With AWS's defaults where the request doesn't say.
                "TransformInput": {
                    "CompressionType": "None", "SplitType": "None", **request["TransformInput"]
                },
                "TransformOutput": {
                    "AssembleWith": "None", "KmsKeyId": "", **request["TransformOutput"]
                },
                "DataProcessing": {
                    "InputFilter": "$", "OutputFilter": "$", "JoinSource": "None",
                    **request.get("DataProcessing", {}),
                },
                "TransformJobArn": self.arn,
                "TransformJobStatus": self.status,
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "TransformStartTime": self.started,
                "TransformEndTime": self.ended,
            }  # fmt: skip

    def summary(self) -> dict[str, Any]:
        with self.lock:
            return {
                "TransformJobName": self.name,
                "TransformJobArn": self.arn,
                "CreationTime": self.created,
                "TransformEndTime": self.ended,
                "LastModifiedTime": self.modified,
                "TransformJobStatus": self.status,
                "FailureReason": self.failure_reason,
            }

    # What the job does.

    def _run(self) -> None:
        objects = self._objects()
        with self.lock:
            self.started = datetime.now(UTC)
        count = self.request["TransformResources"]["InstanceCount"]
        # Which instance gets which objects, AWS doesn't say: here they are dealt in turn.
        shares = [objects[number::count] for number in range(count)]
        self.together([partial(self._transform, share) for share in shares], "transform")
        self.check_stopped()
        if self._failures:
            raise JobError(self._failures[0])

    def _objects(self) -> list[s3_objects.Object]:
        source = self.request["TransformInput"]["DataSource"]["S3DataSource"]
        try:
            return channels.found(self.backend.s3, source)
        except DATA_ERRORS as error:
            uri = source["S3Uri"]
            bucket, _ = s3_objects.split(uri)
            raise JobError(
                f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data '
                "source. Please ensure that the bucket exists in the selected region "
                f"({self.context.region}), that objects exist under that S3 prefix, and that the "
                f'role "{self._model.request.get("ExecutionRoleArn", "")}" has "s3:ListBucket" '
                f'permissions on bucket "{bucket}". ({error})'
            ) from error

    def _transform(self, objects: Sequence[s3_objects.Object]) -> None:
        """Start an instance, and let it transform these objects."""
        stream = f"{self.name}/i-{uuid.uuid4().hex[:17]}-{int(time.time())}"
        log, data_log = (
            self.backend.logs.open(self.context.region, LOG_GROUP, name, self.context.account_id)
            for name in (stream, f"{stream}/data-log")
        )
        try:
            with self._started(log) as instance:
                settings = self._settings(instance, data_log)
                write(data_log, str(settings))
                Worker(self, instance, settings, log, data_log).transform(objects)
        finally:
            log.flush()
            data_log.flush()

    @contextlib.contextmanager
    def _started(self, log: LogStream) -> Iterator[Instance]:
        """A container that serves the model, until it is no longer needed."""
        try:
            instance = serving.start(
                self.backend,
                self.context,
                self._model,
                name=self.name,
                hostname=self._model.container.get("ContainerHostname", "model"),
                log=log,
                limit=STARTUP_TIMEOUT,
                abandoned=lambda: self.stopping or self.abandoned,
                owner=f"transform job {self.name}",
                resource="transform job",
                instance_type=self.request["TransformResources"]["InstanceType"],
                environment=self._environment(),
                flaps=lambda: self.fault(events.PING) is not None,
            )
        except UnhealthyError as error:
            self.check_stopped()
            raise JobError(
                "AlgorithmError: Model container failed to respond to ping. Please ensure /ping "
                f"endpoint is implemented and responds with an HTTP 200 status code. "
                f"{error.details}"
            ) from error
        except DeployError as error:
            self.check_stopped()
            raise JobError(f"ClientError: {error}") from error
        try:
            with self.lock:
                self._instances.append(instance)
            self.check_stopped()
            yield instance
            instance.stop(STOP_GRACE)
        finally:
            with self.lock:
                self._instances.remove(instance)
            instance.close()

    def _environment(self) -> dict[str, str]:
        """The job's variables, and those of batch transform; what it doesn't set isn't passed."""
        request = self.request
        environment = {**request.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
        if "MaxPayloadInMB" in request:  # 0 means any size
            environment["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(request["MaxPayloadInMB"])
        if request.get("MaxConcurrentTransforms"):  # 0 means that the container may say
            environment["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(
                request["MaxConcurrentTransforms"]
            )
        if "BatchStrategy" in request:
            environment["SAGEMAKER_BATCH_STRATEGY"] = STRATEGIES[request["BatchStrategy"]]
        return environment

    def _settings(self, instance: Instance, data_log: LogStream) -> Settings:
        asked = execution_parameters(instance, data_log)
        request = self.request
        concurrent = request.get("MaxConcurrentTransforms") or asked.get("MaxConcurrentTransforms")
        return Settings(
            concurrent=concurrent or 1,
            strategy=request.get("BatchStrategy") or asked.get("BatchStrategy") or "MultiRecord",
            payload_in_mb=request.get(
                "MaxPayloadInMB", asked.get("MaxPayloadInMB", DEFAULT_PAYLOAD_IN_MB)
            ),
        )

    def failed(self, reason: str) -> None:
        """An object wasn't transformed: go on with the others, and fail in the end."""
        with self.lock:
            self._failures.append(reason)

    def _on_stopping(self) -> None:
        # Requests that are under way end with their containers.
        self.backend.spawn(self._stop_instances, f"stop-{self.name}")

    def _stop_instances(self) -> None:
        with self.lock:
            instances = list(self._instances)
        self.together([partial(each.container.stop, STOP_GRACE) for each in instances], "stop")
