"""Training jobs: `docker run IMAGE train`, from S3 to S3, through AWS's statuses."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.data import artifacts, channels, opt_ml, pipes, s3_objects
from harness.local.engine.calls import ArchiveError, ElsewhereError
from harness.local.jobs.cluster import Cluster, End
from harness.local.jobs.job import Job, JobError, JobStoppedError
from harness.local.jobs.training import requests
from harness.local.jobs.training.metrics import Metrics
from harness.local.jobs.training.requests import DEFAULT_MAX_RUNTIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.data.transfers import Transfer
    from harness.local.engine.container import Container
    from harness.local.protocol.messages import RequestContext

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

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


_MESSAGES = {
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job exceeded MaxWaitTimeInSeconds provided",
}
"""What AWS says of the secondary status that a job ends in."""


_DATA_ERRORS = (ClientError, BotoCoreError, s3_objects.DataError, ArchiveError, opt_ml.ContentError)


def _data_failure(error: Exception, mode: str) -> JobError:
    return JobError(f"ClientError: Data download failed: {error} ({mode} mode)")


INTERRUPT = "harness:interrupt"
"""The tag that interrupts a job of managed spot training when it is added, with any value."""


class TrainingJob(Job):
    """One training job, from Starting to its end."""

    noun = "TrainingJob"
    kind = "training-job"
    taken = (
        "Training job names must be unique within an AWS account and region, and a training job "
        "with this name already exists"
    )

    def __init__(self, backend: Backend, context: RequestContext, request: dict[str, Any]) -> None:
        super().__init__(backend, context, request)
        self.secondary = ""
        self.transitions: list[dict[str, Any]] = []
        self._message = ""
        """What is said of the last of them, without how far it is."""
        self.artifacts: str | None = None
        self._metrics = Metrics(
            self.name,
            request["AlgorithmSpecification"].get("MetricDefinitions", []),
            lambda: backend.cloudwatch(context.region),
        )
        self._interrupted = False
        self._trained = 0.0
        self._hosts = {host.name: host for host in requests.hosts(request["ResourceConfig"])}
        self._cluster = Cluster(self, list(self._hosts), LOG_GROUP)
        self._enter("Starting", "Starting the training job")

    # What the operations ask for.

    def describe(self) -> dict[str, Any]:
        with self.lock:
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
                "FinalMetricDataList": self._metrics.final() or None,
                "EnableNetworkIsolation": bool(self.request.get("EnableNetworkIsolation")),
                "EnableInterContainerTrafficEncryption": bool(
                    self.request.get("EnableInterContainerTrafficEncryption")
                ),
                "EnableManagedSpotTraining": bool(self.request.get("EnableManagedSpotTraining")),
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": None if seconds is None else int(self._trained),
            }

    def summary(self) -> dict[str, Any]:
        with self.lock:
            return {
                "TrainingJobName": self.name,
                "TrainingJobArn": self.arn,
                "CreationTime": self.created,
                "TrainingEndTime": self.ended,
                "LastModifiedTime": self.modified,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary,
            }

    def on_tags(self, added: Mapping[str, str]) -> None:
        """Take the instances away, as AWS does with those of managed spot training."""
        if INTERRUPT in added and self.request.get("EnableManagedSpotTraining"):
            self._interrupted = True
            self.wake.set()

    # What the job does.

    def _run(self) -> None:
        image = self.request["AlgorithmSpecification"]["TrainingImage"]
        self.require_image(
            image, lambda: self._enter("Downloading", "Downloading the training image")
        )
        self.check_stopped()
        while not self._attempt(image):
            self.check_stopped()
            self._enter("Starting", "Starting the training job again, after an interruption")

    def _attempt(self, image: str) -> bool:
        """Run the job's containers once; False if they were interrupted, as spot instances are."""
        specification = self.request["AlgorithmSpecification"]
        entrypoint = specification.get("ContainerEntrypoint")
        arguments = specification.get("ContainerArguments")
        self._enter("Downloading", "Downloading input data")
        with (
            self._piped() as piped,
            self._cluster.created(
                image,
                command=arguments if entrypoint or arguments else ["train"],
                entrypoint=entrypoint,
                environment={
                    "TRAINING_JOB_NAME": self.name,
                    "TRAINING_JOB_ARN": self.arn,
                    **self.request.get("Environment", {}),
                },
                isolated=bool(self.request.get("EnableNetworkIsolation")),
                instance_types={name: each.instance_type for name, each in self._hosts.items()},
                mounts={host: each.mounts for host, each in piped.items()},
            ),
        ):
            self._download()
            self.check_stopped()
            self._enter("Training", "Training image download completed. Training in progress.")
            end = self._train(piped)
            if end.why == "Interrupted":
                self._enter("Interrupted", "Training job interrupted")
                self._upload(only_checkpoints=True)
                return False
            self._enter("Uploading", "Uploading generated training model")
            self._upload()
            self._cluster.flush_logs()
            self.check_stopped()
            if end.why:
                raise JobStoppedError(end.why)
            if end.failed:
                text = opt_ml.read_failure(end.failed.get("/opt/ml/output/failure"))
                raise self._cluster.algorithm_error(end.failed, text)
            return True

    def _channels(self, host: str) -> Iterator[tuple[dict[str, Any], int, int]]:
        """The channels of a host, its index among those that get data of each, and their number."""
        groups = {name: each.group for name, each in self._hosts.items()}
        for channel in self.request.get("InputDataConfig") or []:
            receivers = channels.receivers(channel["DataSource"]["S3DataSource"], groups)
            if host in receivers:
                yield channel, receivers.index(host), len(receivers)

    def _mode(self, channel: dict[str, Any]) -> str:
        return requests.input_mode(self.request, channel)

    @contextlib.contextmanager
    def _piped(self) -> Iterator[dict[str, pipes.Pipes]]:
        """The pipes of each host that has channels in Pipe mode, closed in the end."""
        with contextlib.ExitStack() as clean:
            made: dict[str, pipes.Pipes] = {}
            for host in self._hosts:
                given = list(self._channels(host))
                files = [c["ChannelName"] for c, _, _ in given if self._mode(c) != "Pipe"]
                if len(files) == len(given):
                    continue
                try:
                    folder = clean.enter_context(self.backend.containers.folder())
                    streams = {
                        channel["ChannelName"]: clean.enter_context(
                            contextlib.closing(pipes.Stream(self.backend.s3, channel, index, hosts))
                        )
                        for channel, index, hosts in given
                        if self._mode(channel) == "Pipe"
                    }
                except _DATA_ERRORS as error:
                    raise _data_failure(error, "Pipe") from error
                except ElsewhereError as error:
                    raise JobError(
                        "ClientError: Pipe input mode needs pipes that the local AWS and the "
                        f"container both reach, and {error}; use File mode there."
                    ) from error
                made[host] = pipes.Pipes(folder, streams, self.wake.set, files)
                clean.callback(made[host].close)
                made[host].open()
            yield made

    def _download(self) -> None:
        transfer = self.transfer("Downloading input data")
        try:
            self._cluster.each(partial(self._download_to, transfer=transfer), "download")
        except _DATA_ERRORS as error:
            mode = self.request["AlgorithmSpecification"]["TrainingInputMode"]
            raise _data_failure(error, "File" if mode == "Pipe" else mode) from error

    def _download_to(self, host: str, container: Container, transfer: Transfer) -> None:
        configs: dict[str, dict[str, Any]] = {}
        files: list[Iterable[opt_ml.Entry]] = []
        s3_client = self.backend.s3
        for channel, index, hosts in self._channels(host):
            name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
            configs[name] = {
                "TrainingInputMode": self._mode(channel),
                "ContentType": channel.get("ContentType"),
                "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            if self._mode(channel) != "Pipe":
                files.append(channels.entries(s3_client, name, source, index, hosts, transfer))
        checkpoints = self.request.get("CheckpointConfig", {})
        layout = opt_ml.TrainingLayout(
            hyperparameters=self.request.get("HyperParameters", {}),
            channels=configs,
            hosts=list(self._hosts.values()),
            current=self._hosts[host],
            data=itertools.chain.from_iterable(files),
            checkpoint_path=checkpoints.get("LocalPath", opt_ml.CHECKPOINTS),
            checkpoints=(
                channels.checkpoints(s3_client, checkpoints["S3Uri"], transfer)
                if checkpoints
                else ()
            ),
        )
        container.put("/", opt_ml.tar_stream(layout.entries()))

    def _train(self, piped: Mapping[str, pipes.Pipes]) -> End:
        """Run the containers to their end, or stop them."""

        def failure() -> JobError | None:
            errors = (each.error for each in piped.values() if each.error)
            return next((_data_failure(error, "Pipe") for error in errors), None)

        condition = self.request.get("StoppingCondition", {})
        now, begun = datetime.now(UTC), time.monotonic()
        with self.lock:
            self.started = self.started or now
        limit = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME) - self._trained
        wait = condition.get("MaxWaitTimeInSeconds", math.inf)
        wait -= (now - self.created).total_seconds()
        self._cluster.start(self._on_line, usage="docker run <image> train")
        try:
            return self._cluster.until_end(
                {"MaxRuntimeExceeded": begun + limit, "MaxWaitTimeExceeded": begun + wait},
                interrupted=self._interruption,
                failure=failure,
                tick=self._metrics.send,
            )
        finally:
            self._trained += time.monotonic() - begun

    def _interruption(self) -> str:
        interrupted, self._interrupted = self._interrupted, False
        return "Interrupted" if interrupted else ""

    def _on_line(self, line: str, host: str = "algo-1") -> None:
        self._cluster.logs[host].write(line)
        self._metrics.read(line)

    def _upload(self, *, only_checkpoints: bool = False) -> None:
        client, what = self.backend.s3, "Uploading generated training model"
        packing, sending = self.transfer(f"{what}, packing"), self.transfer(what)
        output = self.request["OutputDataConfig"]
        prefix = f"{output['S3OutputPath'].rstrip('/')}/{self.name}/output"
        as_files = output.get("CompressionType") == "NONE"
        folders = self._cluster.folders

        def model() -> None:
            found = folders("/opt/ml/model")
            if as_files:
                uri = f"{prefix}/model/"
                artifacts.upload_files(client, found, "model", uri, sending)
            else:
                uri = f"{prefix}/model.tar.gz"
                artifacts.upload_archive(client, found, "model", uri, packing, sending)
            with self.lock:
                self.artifacts = uri

        def data() -> None:
            found = folders("/opt/ml/output/data")
            if as_files:
                artifacts.upload_files(client, found, "data", f"{prefix}/data/", sending)
            else:
                uri = f"{prefix}/output.tar.gz"
                artifacts.upload_archive(
                    client, found, "data", uri, packing, sending, only_if_files=True
                )

        def checkpoints() -> None:
            config = self.request["CheckpointConfig"]
            path = config.get("LocalPath", opt_ml.CHECKPOINTS).rstrip("/")
            name = path.rpartition("/")[2]
            artifacts.upload_files(client, folders(path), name, config["S3Uri"], sending)

        calls = [] if only_checkpoints else [model, data]
        if "CheckpointConfig" in self.request:
            calls.append(checkpoints)
        try:
            self.together([*calls, self._metrics.send], "upload")
        except (ClientError, BotoCoreError, s3_objects.DataError) as error:
            raise JobError(f"ClientError: Artifact upload failed: {error}") from error

    # Statuses.

    def _enter(self, secondary: str, message: str) -> None:
        """Enter a secondary status; a job that is being stopped stays Stopping."""
        with self.lock:
            if self.status == "InProgress":
                self._step(secondary, message)

    def _on_stopping(self) -> None:
        self._step("Stopping", "Stopping the training job")

    def _on_end(self, why: str) -> None:
        self._step(why, _MESSAGES[why])
        self.transitions[-1]["EndTime"] = self.ended

    def _on_transfer(self, text: str) -> None:
        """Say how far it is, where the job is still at what this is about."""
        if text.startswith(self._message):
            self.transitions[-1]["StatusMessage"] = text
            self.modified = datetime.now(UTC)

    def _step(self, secondary: str, message: str) -> None:
        now = datetime.now(UTC)
        if self.transitions:
            self.transitions[-1] |= {"EndTime": now, "StatusMessage": self._message}
        self._message = message
        self.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        self.secondary = secondary
        self.modified = now
