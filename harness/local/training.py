"""Training jobs: `docker run IMAGE train`, from S3 to S3, through AWS's statuses."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import threading
import time
from collections import deque
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import regex
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from harness.local import artifacts, channels, optml, s3, tags
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
    from collections.abc import Callable, Iterable, Iterator, Sequence

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

FAILURE_GRACE = 10
"""Seconds from SIGTERM to SIGKILL for the other hosts, once one has failed."""

METRICS_NAMESPACE = "/aws/sagemaker/TrainingJobs"

METRICS_PERIOD = 10
"""Seconds after which a running job's metrics are sent to CloudWatch."""

METRICS_BATCH = 1000
"""Values that PutMetricData takes at once."""

METRICS_KEPT = 100_000
"""Values that wait to be sent; older ones are dropped beyond it."""

# What the request and the description have in common, under the same names.
_DESCRIBED = (
    "TrainingJobName",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "CheckpointConfig",
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


class _End(NamedTuple):
    """How the containers of a job have ended."""

    timed_out: bool = False
    failed: Container | None = None
    """The first that ended with another code than 0, unless they were stopped."""
    waited: bool = False
    """They were stopped for the time that a managed spot job may take in all."""
    interrupted: bool = False


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
        self._interrupted = False
        self._trained = 0.0
        self._abandoned = False
        self._hosts = _hosts(request["ResourceConfig"])
        self._logs = {
            host.name: backend.logs.open(
                context.region, LOG_GROUP, f"{self.name}/{host.name}-{int(time.time())}"
            )
            for host in self._hosts
        }
        self._points: deque[dict[str, Any]] = deque(maxlen=METRICS_KEPT)
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
                "BillableTimeInSeconds": None if seconds is None else int(self._trained),
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

    def interrupt(self) -> None:
        """Take the instances away, as AWS does with those of managed spot training."""
        if self.request.get("EnableManagedSpotTraining"):
            self._interrupted = True
            self._wake.set()

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
        while not self._attempt(image):
            self._check_stopped()
            self._enter("Starting", "Starting the training job again, after an interruption")

    def _attempt(self, image: str) -> bool:
        """Run the job's containers once; False if they were interrupted, as spot instances are."""
        with contextlib.ExitStack() as clean:
            self._enter("Downloading", "Downloading input data")
            containers = self._create(image, clean)
            self._download(containers)
            self._check_stopped()
            self._enter("Training", "Training image download completed. Training in progress.")
            end = self._train(containers)
            if self._abandoned:
                return True
            if end.interrupted:
                self._enter("Interrupted", "Training job interrupted")
                self._upload(containers, only_checkpoints=True)
                return False
            self._finish(containers, end)
            return True

    def _create(self, image: str, clean: contextlib.ExitStack) -> list[Container]:
        """A container a host; several share a network, in which their names resolve."""
        specification = self.request["AlgorithmSpecification"]
        entrypoint = specification.get("ContainerEntrypoint")
        arguments = specification.get("ContainerArguments")
        isolated = bool(self.request.get("EnableNetworkIsolation"))
        network = None
        if len(self._hosts) > 1:
            names = [host.name for host in self._hosts]
            network = self._backend.containers.network(self.name, names, isolated=isolated)
            clean.callback(network.remove)
        containers = []
        for host in self._hosts:
            container = self._backend.containers.create(
                image,
                name=f"{self.name}-{host.name}",
                # The training toolkit waits a quarter of an hour for this name to resolve.
                hostname=host.name,
                command=arguments if entrypoint or arguments else ["train"],
                entrypoint=entrypoint,
                environment={
                    **self._backend.container_environment(self._context.region, isolated=isolated),
                    "TRAINING_JOB_NAME": self.name,
                    "TRAINING_JOB_ARN": self.arn,
                    **self.request.get("Environment", {}),
                },
                isolated=isolated,
                shared=network,
            )
            clean.callback(container.remove)
            containers.append(container)
        return containers

    def _download(self, containers: list[Container]) -> None:
        mode = self.request["AlgorithmSpecification"]["TrainingInputMode"]
        calls = [
            partial(self._download_to, host, container)
            for host, container in zip(self._hosts, containers, strict=True)
        ]
        try:
            self._together(calls, "download")
        except (
            ClientError,
            BotoCoreError,
            s3.DataError,
            ArchiveError,
            optml.ContentError,
        ) as error:
            raise JobError(f"ClientError: Data download failed: {error} ({mode} mode)") from error

    def _download_to(self, host: optml.Host, container: Container) -> None:
        groups = {each.name: each.group for each in self._hosts}
        mode = self.request["AlgorithmSpecification"]["TrainingInputMode"]
        configs: dict[str, dict[str, Any]] = {}
        files: list[Iterable[optml.Entry]] = []
        for channel in self.request.get("InputDataConfig") or []:
            name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
            receivers = channels.receivers(source, groups)
            if host.name not in receivers:
                continue
            configs[name] = {
                "TrainingInputMode": channel.get("InputMode", mode),
                "ContentType": channel.get("ContentType"),
                "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            index = receivers.index(host.name)
            files.append(channels.entries(self._backend.s3, name, source, index, len(receivers)))
        checkpoints = self.request.get("CheckpointConfig", {})
        layout = optml.TrainingLayout(
            hyperparameters=self.request.get("HyperParameters", {}),
            channels=configs,
            hosts=self._hosts,
            current=host,
            data=itertools.chain.from_iterable(files),
            checkpoint_path=checkpoints.get("LocalPath", optml.CHECKPOINTS),
            checkpoints=(
                channels.checkpoints(self._backend.s3, checkpoints["S3Uri"]) if checkpoints else ()
            ),
        )
        container.put("/", optml.tar_stream(layout.entries()))

    def _together(self, calls: Sequence[Callable[[], None]], what: str) -> None:
        """Run the calls at once, or a single one right here."""
        if len(calls) == 1:
            calls[0]()
        else:
            self._backend.together(calls, f"{what}-{self.name}")

    def _train(self, containers: list[Container]) -> _End:
        """Run the containers to their end, or stop them."""
        condition = self.request.get("StoppingCondition", {})
        limit = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
        now = datetime.now(UTC)
        with self._lock:
            self.started = self.started or now
        begun = time.monotonic()
        deadline = begun + limit - self._trained
        wait = condition.get("MaxWaitTimeInSeconds", math.inf)
        last = begun + wait - (now - self.created).total_seconds()
        calls = [
            partial(container.start, partial(self._on_line, host=host.name), self._wake.set)
            for host, container in zip(self._hosts, containers, strict=True)
        ]
        try:
            self._together(calls, "start")
        except StartError as error:
            raise JobError(
                "ClientError: CannotStartContainerError. Please make sure the container can be "
                f"run with 'docker run <image> train'. ({error})"
            ) from error
        try:
            return self._until_end(containers, deadline, last)
        finally:
            self._trained += time.monotonic() - begun

    def _until_end(self, containers: list[Container], deadline: float, last: float) -> _End:
        """Wait for the containers, or stop them, at `deadline` or `last` if it must be."""
        while True:
            ended = [container for container in containers if container.exited.is_set()]
            failed = next((each for each in ended if each.exit_code != 0), None)
            if len(ended) == len(containers) or self._abandoned:
                return _End(failed=failed)
            if failed:
                self._stop(containers, FAILURE_GRACE)
                return _End(failed=failed)
            remaining = min(deadline, last) - time.monotonic()
            if remaining <= 0 or self._stopping:
                self._stop(containers, STOP_GRACE)
                over = not self._stopping
                return _End(timed_out=over and deadline <= last, waited=over and last < deadline)
            if self._interrupted:
                self._interrupted = False
                self._stop(containers, STOP_GRACE)
                return _End(interrupted=not self._stopping)
            self._send_metrics()
            self._wake.wait(min(remaining, METRICS_PERIOD))
            if not self._stopping:
                self._wake.clear()

    def _stop(self, containers: list[Container], grace: int) -> None:
        self._together([partial(container.stop, grace) for container in containers], "stop")

    def _on_line(self, line: str, host: str = "algo-1") -> None:
        self._logs[host].write(line)
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
            now = datetime.now(UTC)
            with self._lock:
                self._metrics[name] = {"MetricName": name, "Value": value, "Timestamp": now}
            self._points.append({
                "MetricName": name,
                "Dimensions": [{"Name": "TrainingJobName", "Value": self.name}],
                "Timestamp": now,
                "Value": value,
            })  # fmt: skip

    def _send_metrics(self) -> None:
        """Send the metrics found since the last time to CloudWatch."""
        while self._points:
            batch = [self._points.popleft() for _ in range(min(len(self._points), METRICS_BATCH))]
            try:
                self._backend.cloudwatch(self._context.region).put_metric_data(
                    Namespace=METRICS_NAMESPACE, MetricData=batch
                )
            except (ClientError, BotoCoreError) as error:
                _log.warning("training job %s: lost %d metrics: %s", self.name, len(batch), error)

    def _finish(self, containers: list[Container], end: _End) -> None:
        """Upload what the containers have left, and enter the status that their end calls for."""
        if any(container.exit_code is None for container in containers):
            raise engine_lost()
        self._enter("Uploading", "Uploading generated training model")
        self._upload(containers)
        for log in self._logs.values():
            log.flush()
        if self._stopping:
            self._end("Stopped", "Stopped", "Training job stopped")
        elif end.timed_out:
            self._end(
                "Stopped",
                "MaxRuntimeExceeded",
                "Training job runtime exceeded MaxRuntimeInSeconds provided",
            )
        elif end.waited:
            self._end(
                "Stopped",
                "MaxWaitTimeExceeded",
                "Training job exceeded MaxWaitTimeInSeconds provided",
            )
        elif end.failed is None:
            self._end("Completed", "Completed", "Training job completed")
        else:
            host = self._hosts[containers.index(end.failed)]
            # AWS leaves the text empty where there is no failure file; the log's last line helps.
            text = optml.read_failure(end.failed.get("/opt/ml/output/failure"))
            words = text or self._logs[host.name].last_line
            if end.failed.out_of_memory:
                words = f"{words} (out of memory)".strip()
            suffix = f", exit code: {end.failed.exit_code}"
            room = FAILURE_REASON_LIMIT - len("AlgorithmError: ") - len(suffix)
            raise JobError(f"AlgorithmError: {words[:room]}{suffix}")

    def _upload(self, containers: list[Container], *, only_checkpoints: bool = False) -> None:
        client = self._backend.s3
        output = self.request["OutputDataConfig"]
        prefix = f"{output['S3OutputPath'].rstrip('/')}/{self.name}/output"
        as_files = output.get("CompressionType") == "NONE"

        def folders(path: str) -> Iterator[Iterator[bytes] | None]:
            return (container.get(path) for container in containers)

        def model() -> None:
            uri = f"{prefix}/model/" if as_files else f"{prefix}/model.tar.gz"
            upload = artifacts.upload_files if as_files else artifacts.upload_archive
            upload(client, folders("/opt/ml/model"), "model", uri)
            with self._lock:
                self.artifacts = uri

        def data() -> None:
            found = folders("/opt/ml/output/data")
            if as_files:
                artifacts.upload_files(client, found, "data", f"{prefix}/data/")
            else:
                uri = f"{prefix}/output.tar.gz"
                artifacts.upload_archive(client, found, "data", uri, only_if_files=True)

        def checkpoints() -> None:
            config = self.request["CheckpointConfig"]
            path = config.get("LocalPath", optml.CHECKPOINTS).rstrip("/")
            artifacts.upload_files(client, folders(path), path.rpartition("/")[2], config["S3Uri"])

        calls = [] if only_checkpoints else [model, data]
        if "CheckpointConfig" in self.request:
            calls.append(checkpoints)
        if self._points:
            calls.append(self._send_metrics)
        try:
            if calls:
                self._together(calls, "upload")
        except (ClientError, BotoCoreError, s3.DataError) as error:
            raise JobError(f"ClientError: Artifact upload failed: {error}") from error

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
    """Create-, Describe-, Stop- and DeleteTrainingJob, ListTrainingJobs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store

    def create_training_job(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        _check_supported(request)
        _check(request)
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
        for member, key in (("OutputDataConfig", "S3OutputPath"), ("CheckpointConfig", "S3Uri")):
            try:
                if member in request:
                    s3.split(request[member][key])
            except s3.DataError as error:
                raise AwsError("ValidationException", f"{member}.{key}: {error}.") from error
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

    def delete_training_job(self, context: RequestContext, request: dict[str, Any]) -> None:
        arn = context.arn(f"training-job/{request['TrainingJobName']}")
        with self._store.lock:
            job = self._store.training_jobs.get(arn)
            if job is None:
                raise AwsError("ResourceNotFound", "Requested resource not found.")
            if job.status in ("InProgress", "Stopping"):
                raise AwsError(
                    "ResourceInUse",
                    f"The training job {arn} is in status {job.status}; only one that is "
                    "Completed, Failed or Stopped can be deleted.",
                )
            del self._store.training_jobs[arn]
            self._store.tags.pop(arn, None)


def _hosts(resources: dict[str, Any]) -> list[optml.Host]:
    """The hosts of a `ResourceConfig`, numbered through its instance groups."""
    groups = resources.get("InstanceGroups") or [resources]
    numbers = itertools.count(1)
    return [
        optml.Host(
            f"algo-{next(numbers)}",
            group["InstanceType"],
            group.get("InstanceGroupName", optml.HOMOGENEOUS),
        )
        for group in groups
        for _ in range(group.get("InstanceCount", 1))
    ]


def _check_supported(request: dict[str, Any]) -> None:
    """Refuse what isn't run locally, in one sentence, rather than ignore it."""
    specification = request.get("AlgorithmSpecification", {})
    resources = request.get("ResourceConfig", {})
    inputs = request.get("InputDataConfig") or []
    sources = [channel["DataSource"].get("S3DataSource") for channel in inputs]
    modes = [specification.get("TrainingInputMode"), *(c.get("InputMode") for c in inputs)]
    kinds = {source["S3DataType"] for source in sources if source}
    checks = [
        ("ServerlessJobConfig", "ServerlessJobConfig" in request),
        ("AlgorithmSpecification.TrainingImage must be given: algorithms by name",
         not specification.get("TrainingImage")),
        ("ResourceConfig.InstanceType must be given: other clusters",
         "InstanceType" not in resources and "InstanceGroups" not in resources),
        ("DataSource: sources other than S3DataSource", not all(sources)),
        ("InputMode Pipe", "Pipe" in modes),
        ("S3DataType Converse", "Converse" in kinds),
    ]  # fmt: skip
    for what, present in checks:
        if present:
            raise AwsError("ValidationException", f"{what}: not run by the local AWS, only by AWS.")


def _check(request: dict[str, Any]) -> None:
    """Refuse what AWS refuses, beyond what its service model says."""
    inputs = request.get("InputDataConfig") or []
    resources = request["ResourceConfig"]
    names = [channel["ChannelName"] for channel in inputs]
    if len(set(names)) != len(names):
        raise AwsError("ValidationException", f"Channel names must be unique: {names}.")
    for pattern in request["AlgorithmSpecification"].get("MetricDefinitions", []):
        try:
            regex.compile(pattern["Regex"])
        except regex.error as error:
            raise AwsError(
                "ValidationException",
                f"MetricDefinitions: {pattern['Regex']!r} is not a regular expression: {error}.",
            ) from error
    if "InstanceGroups" in resources and {"InstanceType", "InstanceCount"} & resources.keys():
        raise AwsError(
            "ValidationException",
            "ResourceConfig: give either InstanceGroups, or InstanceType and InstanceCount.",
        )
    groups = {host.group for host in _hosts(resources)}
    for channel in inputs:
        _check_channel(channel, groups)
    condition = request.get("StoppingCondition", {})
    wait = condition.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise AwsError(
                "ValidationException",
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining "
                "is set to true",
            )
    elif wait is None or wait < condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME):
        raise AwsError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds",
        )
    checkpoints = request.get("CheckpointConfig", {})
    path = checkpoints.get("LocalPath", optml.CHECKPOINTS)
    if not path.startswith("/") or not path.strip("/") or ".." in path.split("/"):
        raise AwsError(
            "ValidationException",
            f"CheckpointConfig.LocalPath: {path!r} is not the absolute path of a folder.",
        )


def _check_channel(channel: dict[str, Any], groups: set[str]) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
    for present, words in (
        (
            channel.get("CompressionType", "None") != "None",
            "CompressionType is used only in Pipe input mode; leave it unset, or set it to None.",
        ),
        (
            source["S3DataType"] == "AugmentedManifestFile",
            "AugmentedManifestFile can only be used if the Channel's input mode is Pipe.",
        ),
        (
            not set(source.get("InstanceGroupNames") or []) <= groups,
            f"InstanceGroupNames must be among {sorted(groups)}.",
        ),
    ):
        if present:
            raise AwsError("ValidationException", f"Channel {name}: {words}")
