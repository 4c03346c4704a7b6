"""Training jobs: `docker run IMAGE train`, from S3 to S3, through AWS's statuses."""

from __future__ import annotations

import logging
import math
import tarfile
import tempfile
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import regex
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from harness.local import optml, s3, tags
from harness.local.containers import (
    ArchiveError,
    Container,
    EngineError,
    ImageError,
    StartError,
    engine_lost,
)
from harness.local.listing import page
from harness.local.protocol import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.local.backend import Backend
    from harness.local.protocol import RequestContext

_log = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

STOP_GRACE = 120
"""Seconds from SIGTERM to SIGKILL (StopTrainingJob in AWS's API reference)."""

DEFAULT_MAX_RUNTIME = 86_400
"""Seconds, where `MaxRuntimeInSeconds` isn't given (StoppingCondition in the API reference)."""

FAILURE_REASON_LIMIT = 1024

METRIC_TIMEOUT = 1.0
"""Seconds that a metric's regular expression has for a line; one that needs more is given up."""

COMPRESS_LEVEL = 1
"""gzip level of artifacts: they are written and read once, on this machine."""

# What the request and the description have in common, under the same names.
_DESCRIBED = (
    "TrainingJobName",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "DebugHookConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ExperimentConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "Environment",
    "RetryStrategy",
    "RemoteDebugConfig",
    "InfraCheckConfig",
)


class JobError(Exception):
    """Ends a job as Failed; the text becomes its failure reason."""


class JobStoppedError(Exception):
    """Ends a job as Stopped, before its container has started."""


class TrainingJob:
    """One training job; `run` takes it from Starting to its end, in a thread of its own."""

    def __init__(self, backend: Backend, context: RequestContext, request: dict[str, Any]) -> None:
        self._backend = backend
        self._context = context
        self.request = request
        self.name = str(request["TrainingJobName"])
        self.arn = context.arn(f"training-job/{self.name}")
        self.created = datetime.now(UTC)
        self.modified = self.created
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.status = "InProgress"
        self.secondary = ""
        self.transitions: list[dict[str, Any]] = []
        self.failure_reason: str | None = None
        self.artifacts: str | None = None
        self._metrics: dict[str, dict[str, Any]] = {}
        specification = request["AlgorithmSpecification"]
        self._metric_patterns = {
            definition["Name"]: regex.compile(definition["Regex"])
            for definition in specification.get("MetricDefinitions", [])
        }
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._abandoned = False
        stream = f"{self.name}/algo-1-{int(time.time())}"
        self._log = backend.logs.open(context.region, LOG_GROUP, stream)
        self._enter("Starting", "Starting the training job")

    # What the operations ask for.

    def describe(self) -> dict[str, Any]:
        with self._lock:
            known = {name: self.request[name] for name in _DESCRIBED if name in self.request}
            seconds = (
                int((self.ended - self.started).total_seconds())
                if self.started and self.ended
                else None
            )
            return {
                **known,
                # As AWS answers where the request doesn't say; SDK v2's Estimator.attach needs it.
                "OutputDataConfig": {"KmsKeyId": "", **known.get("OutputDataConfig", {})},
                "StoppingCondition": {
                    "MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME,
                    **known.get("StoppingCondition", {}),
                },
                "TrainingJobArn": self.arn,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary,
                "FailureReason": self.failure_reason,
                "ModelArtifacts": {"S3ModelArtifacts": self.artifacts} if self.artifacts else None,
                "CreationTime": self.created,
                "TrainingStartTime": self.started,
                "TrainingEndTime": self.ended,
                "LastModifiedTime": self.modified,
                "SecondaryStatusTransitions": [dict(step) for step in self.transitions],
                "FinalMetricDataList": [dict(metric) for metric in self._metrics.values()] or None,
                "EnableNetworkIsolation": bool(self.request.get("EnableNetworkIsolation")),
                "EnableInterContainerTrafficEncryption": bool(
                    self.request.get("EnableInterContainerTrafficEncryption")
                ),
                "EnableManagedSpotTraining": bool(self.request.get("EnableManagedSpotTraining")),
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
            }

    def summary(self) -> dict[str, Any]:
        with self._lock:
            return {
                "TrainingJobName": self.name,
                "TrainingJobArn": self.arn,
                "CreationTime": self.created,
                "TrainingEndTime": self.ended,
                "LastModifiedTime": self.modified,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary,
            }

    def stop(self) -> bool:
        """Ask the job to stop; False if it has ended already."""
        with self._lock:
            if self.status not in ("InProgress", "Stopping"):
                return False
            self._stopping = True
            if self.status == "InProgress":
                self.status = "Stopping"
                self._step("Stopping", "Stopping the training job")
            self._wake.set()
            return True

    def abandon(self) -> None:
        """Forget the job: its local AWS is being shut down."""
        self._abandoned = True
        self._wake.set()

    # What the job does.

    def run(self) -> None:
        try:
            self._run()
        except JobStoppedError:
            self._end("Stopped", "Stopped", "Training job stopped")
        except JobError as failure:
            self._fail(str(failure))
        except EngineError as error:
            self._fail(f"InternalServerError: {error}.")
        except Exception as error:  # noqa: BLE001 - the thread's last resort
            if not self._abandoned:
                _log.exception("training job %s: unexpected error", self.name)
            self._fail(
                "InternalServerError: We encountered an internal error. "
                f"({type(error).__name__}: {error})"
            )

    def _run(self) -> None:
        image = self.request["AlgorithmSpecification"]["TrainingImage"]
        try:
            self._backend.containers.require_image(
                image, lambda: self._enter("Downloading", "Downloading the training image")
            )
        except ImageError as error:
            raise JobError(
                f"ClientError: Cannot pull image {image}: {error}. Please check that the image "
                "exists on this machine or in a registry that it can reach."
            ) from error
        self._check_stopped()
        self._enter("Downloading", "Downloading input data")
        container = self._create(image)
        try:
            self._download(container)
            self._check_stopped()
            self._enter("Training", "Training image download completed. Training in progress.")
            timed_out = self._train(container)
            if self._abandoned:
                return
            self._finish(container, timed_out)
        finally:
            container.remove()

    def _create(self, image: str) -> Container:
        specification = self.request["AlgorithmSpecification"]
        entrypoint = specification.get("ContainerEntrypoint")
        arguments = specification.get("ContainerArguments")
        isolated = bool(self.request.get("EnableNetworkIsolation"))
        return self._backend.containers.create(
            image,
            name=f"{self.name}-algo-1",
            # The training toolkit waits a quarter of an hour for this name to resolve.
            hostname="algo-1",
            command=arguments if entrypoint or arguments else ["train"],
            entrypoint=entrypoint,
            environment={
                **self._backend.container_environment(self._context.region, isolated=isolated),
                "TRAINING_JOB_NAME": self.name,
                "TRAINING_JOB_ARN": self.arn,
                **self.request.get("Environment", {}),
            },
            isolated=isolated,
        )

    def _download(self, container: Container) -> None:
        channels = {channel["ChannelName"]: channel for channel in self._channels()}
        mode = self.request["AlgorithmSpecification"]["TrainingInputMode"]
        try:
            layout = optml.TrainingLayout(
                hyperparameters=self.request.get("HyperParameters", {}),
                channels={
                    name: {
                        "TrainingInputMode": "File",
                        "ContentType": channel.get("ContentType"),
                        "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                            "S3DataDistributionType", "FullyReplicated"
                        ),
                        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                    }
                    for name, channel in channels.items()
                },
                hosts=["algo-1"],
                current_host="algo-1",
                instance_type=self.request["ResourceConfig"]["InstanceType"],
                data=self._data(channels),
            )
            container.put("/", optml.tar_stream(layout.entries()))
        except (
            ClientError,
            BotoCoreError,
            s3.DataError,
            ArchiveError,
            optml.ContentError,
        ) as error:
            raise JobError(f"ClientError: Data download failed: {error} ({mode} mode)") from error

    def _channels(self) -> list[dict[str, Any]]:
        return list(self.request.get("InputDataConfig") or [])

    def _data(self, channels: dict[str, dict[str, Any]]) -> Iterator[optml.Entry]:
        for name, channel in channels.items():
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            found = s3.objects(self._backend.s3, uri)
            if not found:
                raise s3.DataError(f"no objects under {uri}")
            yield from s3.entries(self._backend.s3, name, found)

    def _train(self, container: Container) -> bool:
        """Run the container to its end; True if it was stopped for its run time."""
        condition = self.request.get("StoppingCondition", {})
        limit = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
        with self._lock:
            self.started = datetime.now(UTC)
        deadline = time.monotonic() + limit
        try:
            container.start(self._on_line, self._wake.set)
        except StartError as error:
            raise JobError(
                "ClientError: CannotStartContainerError. Please make sure the container can be "
                f"run with 'docker run <image> train'. ({error})"
            ) from error
        while not container.exited.is_set():
            remaining = deadline - time.monotonic()
            if self._abandoned:
                return False
            if remaining <= 0 or self._stopping:
                container.stop(STOP_GRACE)
                return not self._stopping
            self._wake.wait(remaining)
            if not self._stopping:
                self._wake.clear()
        return False

    def _on_line(self, line: str) -> None:
        self._log.write(line)
        for name, pattern in list(self._metric_patterns.items()):
            try:
                # Concurrent: other threads run meanwhile, so that no expression stops the server.
                match = pattern.search(line, timeout=METRIC_TIMEOUT, concurrent=True)
                value = float(match.group(1)) if match else math.nan
            except TimeoutError:
                _log.warning(
                    "training job %s: metric %s is given up, since its regular expression took "
                    "longer than %s s for a line", self.name, name, METRIC_TIMEOUT,
                )  # fmt: skip
                del self._metric_patterns[name]
                continue
            except (IndexError, TypeError, ValueError):  # no group, or none that is a number
                continue
            if not math.isfinite(value):
                continue
            with self._lock:
                self._metrics[name] = {
                    "MetricName": name,
                    "Value": value,
                    "Timestamp": datetime.now(UTC),
                }

    def _finish(self, container: Container, timed_out: bool) -> None:
        """Upload what the container has left, and enter the status that its end calls for."""
        if container.exit_code is None:
            raise engine_lost()
        self._enter("Uploading", "Uploading generated training model")
        self._upload(container)
        self._log.flush()
        if self._stopping:
            self._end("Stopped", "Stopped", "Training job stopped")
        elif timed_out:
            self._end(
                "Stopped",
                "MaxRuntimeExceeded",
                "Training job runtime exceeded MaxRuntimeInSeconds provided",
            )
        elif container.exit_code == 0:
            self._end("Completed", "Completed", "Training job completed")
        else:
            # AWS leaves the text empty where there is no failure file; the log's last line helps.
            text = optml.read_failure(container.get("/opt/ml/output/failure"))
            words = text or self._log.last_line
            if container.out_of_memory:
                words = f"{words} (out of memory)".strip()
            suffix = f", exit code: {container.exit_code}"
            room = FAILURE_REASON_LIMIT - len("AlgorithmError: ") - len(suffix)
            raise JobError(f"AlgorithmError: {words[:room]}{suffix}")

    def _upload(self, container: Container) -> None:
        target = self.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        prefix = f"{target}/{self.name}/output"
        try:
            self._upload_folder(container, "/opt/ml/model", f"{prefix}/model.tar.gz")
            with self._lock:
                self.artifacts = f"{prefix}/model.tar.gz"
            self._upload_folder(
                container, "/opt/ml/output/data", f"{prefix}/output.tar.gz", only_if_files=True
            )
        except (ClientError, BotoCoreError, s3.DataError) as error:
            raise JobError(f"ClientError: Artifact upload failed: {error}") from error

    def _upload_folder(
        self, container: Container, path: str, uri: str, only_if_files: bool = False
    ) -> None:
        stream = container.get(path)
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=COMPRESS_LEVEL) as archive:
                files = optml.repack(stream, archive, path.rpartition("/")[2]) if stream else 0
            if only_if_files and not files:
                return
            packed.seek(0)
            bucket, key = s3.split(uri)
            self._backend.s3.upload_fileobj(packed, bucket, key)

    # Statuses.

    def _check_stopped(self) -> None:
        if self._stopping or self._abandoned:
            raise JobStoppedError

    def _enter(self, secondary: str, message: str) -> None:
        """Enter a secondary status; a job that is being stopped stays Stopping."""
        with self._lock:
            if self.status == "InProgress":
                self._step(secondary, message)

    def _fail(self, reason: str) -> None:
        with self._lock:
            self.failure_reason = reason[:FAILURE_REASON_LIMIT]
        self._end("Failed", "Failed", "Training job failed")

    def _end(self, status: str, secondary: str, message: str) -> None:
        with self._lock:
            self.ended = datetime.now(UTC)
            self._step(secondary, message)
            self.transitions[-1]["EndTime"] = self.ended
            self.status = status

    def _step(self, secondary: str, message: str) -> None:
        now = datetime.now(UTC)
        if self.transitions:
            self.transitions[-1]["EndTime"] = now
        self.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        self.secondary = secondary
        self.modified = now


class TrainingJobs:
    """CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store

    def create_training_job(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        _check_supported(request)
        self._check_data(context, request)
        job = TrainingJob(self._backend, context, request)
        with self._store.lock:
            if job.arn in self._store.training_jobs:
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a "
                    f"training job with this name already exists ({job.arn})",
                )
            self._store.training_jobs[job.arn] = job
            tags.attach(self._store, job.arn, request)
        self._backend.spawn(job.run, f"training-{job.name}")
        return {"TrainingJobArn": job.arn}

    def _check_data(self, context: RequestContext, request: dict[str, Any]) -> None:
        output = request["OutputDataConfig"]["S3OutputPath"]
        try:
            s3.split(output)
        except s3.DataError as error:
            raise AwsError(
                "ValidationException", f"OutputDataConfig.S3OutputPath: {error}."
            ) from error
        for channel in request.get("InputDataConfig") or []:
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            said = ""
            try:
                bucket, prefix = s3.split(uri)
                listing = self._backend.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
                if listing["KeyCount"]:
                    continue
            except s3.DataError as error:
                raise AwsError("ValidationException", f"{error}.") from error
            except ClientError as error:
                said = f" Error message from S3: {error.response['Error'].get('Message', '')}"
            except ParamValidationError:
                said = f" {bucket} is no name that a bucket can have."
            raise AwsError(
                "ValidationException",
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please '
                f"ensure that the bucket exists in the selected region ({context.region}), that "
                f'objects exist under that S3 prefix, and that the role "{request["RoleArn"]}" '
                f'has "s3:ListBucket" permissions on bucket "{bucket}".{said}',
            )

    def _find(self, context: RequestContext, name: str) -> TrainingJob:
        job = self._store.training_jobs.get(context.arn(f"training-job/{name}"))
        if job is None:
            raise AwsError("ValidationException", "Requested resource not found.")
        return job

    def describe_training_job(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request["TrainingJobName"]).describe()

    def list_training_jobs(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            jobs = list(self._store.training_jobs.values())
        summaries = (job.summary() for job in jobs if job.arn.startswith(context.arn("")))
        return page(
            summaries, request, member="TrainingJobSummaries", noun="TrainingJob", descending=False
        )

    def stop_training_job(self, context: RequestContext, request: dict[str, Any]) -> None:
        job = self._find(context, request["TrainingJobName"])
        if not job.stop():
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the training job is in status {job.status}.",
            )


def _check_supported(request: dict[str, Any]) -> None:
    """Refuse what isn't run locally, in one sentence, rather than ignore it."""
    specification = request.get("AlgorithmSpecification", {})
    resources = request.get("ResourceConfig", {})
    channels = request.get("InputDataConfig") or []
    names = [channel["ChannelName"] for channel in channels]
    sources = [channel["DataSource"].get("S3DataSource") for channel in channels]
    modes = [
        specification.get("TrainingInputMode"),
        *(c.get("InputMode", "File") for c in channels),
    ]
    if len(set(names)) != len(names):
        raise AwsError("ValidationException", f"Channel names must be unique: {names}.")
    for pattern in specification.get("MetricDefinitions", []):
        try:
            regex.compile(pattern["Regex"])
        except regex.error as error:
            raise AwsError(
                "ValidationException",
                f"MetricDefinitions: {pattern['Regex']!r} is not a regular expression: {error}.",
            ) from error
    checks: list[tuple[str, Callable[[], bool]]] = [
        ("ServerlessJobConfig", lambda: "ServerlessJobConfig" in request),
        ("AlgorithmSpecification.TrainingImage must be given: algorithms by name",
         lambda: not specification.get("TrainingImage")),
        ("ResourceConfig.InstanceGroups", lambda: "InstanceGroups" in resources),
        ("ResourceConfig.InstanceType must be given: other clusters",
         lambda: "InstanceType" not in resources),
        ("ResourceConfig.InstanceCount above 1",
         lambda: resources.get("InstanceCount", 1) > 1),
        ("DataSource: sources other than S3DataSource", lambda: not all(sources)),
        ("S3DataType other than S3Prefix",
         lambda: any(source["S3DataType"] != "S3Prefix" for source in sources if source)),
        ("InputMode Pipe", lambda: "Pipe" in modes),
        ("CompressionType Gzip",
         lambda: any(c.get("CompressionType", "None") != "None" for c in channels)),
        ("CheckpointConfig", lambda: "CheckpointConfig" in request),
        ("OutputDataConfig.CompressionType NONE",
         lambda: request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP"),
        ("EnableManagedSpotTraining", lambda: bool(request.get("EnableManagedSpotTraining"))),
    ]  # fmt: skip
    for what, present in checks:
        if present():
            raise AwsError("ValidationException", f"{what}: not run by the local AWS, only by AWS.")
