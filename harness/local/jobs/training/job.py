"""Training jobs: `docker run IMAGE train`, from S3 to S3, through AWS's statuses."""

from __future__ import annotations

import logging
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.errors import EngineError
from harness.local.data import opt_ml, pipes
from harness.local.experiments.metrics import Point
from harness.local.faults import events
from harness.local.faults.faults import MARK
from harness.local.jobs.cluster import Cluster, End, HostLostError
from harness.local.jobs.job import Job, JobError, JobStoppedError
from harness.local.jobs.training import requests
from harness.local.jobs.training.data import TrainingData, data_failure
from harness.local.jobs.training.metrics import Metrics
from harness.local.jobs.training.requests import DEFAULT_MAX_RUNTIME

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

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

INTERRUPT = "harness:interrupt"
"""The tag that interrupts a job of managed spot training when it is added, with any value."""


class TrainingJob(Job):
    """One training job, from Starting to its end."""

    noun = "TrainingJob"
    kind = "training-job"
    saved_fields = (
        *Job.saved_fields,
        "secondary",
        "transitions",
        "artifacts",
        "_message",
        "_trained",
        "tuning_job_arn",
    )
    taken = (
        "Training job names must be unique within an AWS account and region, and a training job "
        "with this name already exists"
    )

    def __init__(
        self, backend: Backend, context: RequestContext, request: Mapping[str, Any]
    ) -> None:
        super().__init__(backend, context, request)
        self.tuning_job_arn: str | None = None
        self.secondary = ""
        self.transitions: list[dict[str, Any]] = []
        self._message = ""
        """What is said of the last of them, without how far it is."""
        self.artifacts: str | None = None
        self._metrics = Metrics(
            self.name,
            request["AlgorithmSpecification"].get("MetricDefinitions", []),
            lambda: backend.cloudwatch(context.region, context.account_id),
            self._on_value,
        )
        self._interrupted = False
        self._trained = 0.0
        self._hosts = {host.name: host for host in requests.hosts(request["ResourceConfig"])}
        self._cluster = Cluster(self, list(self._hosts), LOG_GROUP)
        self._data = TrainingData(self, self._cluster, self._hosts)
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
                "TuningJobArn": self.tuning_job_arn,
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
                "ProfilingStatus": "Disabled" if "ProfilerConfig" in self.request else None,
                "ProfilerRuleEvaluationStatuses": self._rules() or None,
                "TrainingTimeInSeconds": seconds,
                # What is saved is managed spot training's: "Billable time in seconds" in AWS's
                # reference of DescribeTrainingJob.
                "BillableTimeInSeconds": (
                    int(self._trained)
                    if seconds is not None and self.request.get("EnableManagedSpotTraining")
                    else seconds
                ),
            }

    def _rules(self) -> list[dict[str, Any]]:
        """What has become of the profiler's rules: they need images that only AWS has."""
        return [
            {
                "RuleConfigurationName": each["RuleConfigurationName"],
                "RuleEvaluationStatus": "Error",
                "StatusDetails": "The local AWS evaluates no rules of the profiler.",
                "LastModifiedTime": self.created,
            }
            for each in self.request.get("ProfilerRuleConfigurations", [])
        ]

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
                "TrainingPlanArn": self.request["ResourceConfig"].get("TrainingPlanArn"),
            }

    def saved(self) -> dict[str, Any]:
        return {**super().saved(), "metrics": self._metrics.final()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._metrics.restore(saved["metrics"])
        self._metrics.close()
        super().restore(saved)

    def on_tags(self, added: Mapping[str, str]) -> None:
        """Take the instances away, as AWS does with those of managed spot training."""
        if INTERRUPT in added and self.request.get("EnableManagedSpotTraining"):
            self._interrupt()

    # What the job does.

    def _run(self) -> None:
        image = self.request["AlgorithmSpecification"]["TrainingImage"]
        self.require_image(
            image, lambda: self._enter("Downloading", "Downloading the training image")
        )
        self.check_stopped()
        retries = self.request.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        while True:
            try:
                if self._attempt(image):
                    return
                why = "an interruption"
            except (HostLostError, EngineError):  # an InternalServerError, either
                if not retries:
                    raise
                retries, why = retries - 1, "an internal error"
            self.check_stopped()
            self._enter("Starting", f"Starting the training job again, after {why}")

    def _attempt(self, image: str) -> bool:
        """Run the job's containers once; False if they were interrupted, as spot instances are."""
        specification = self.request["AlgorithmSpecification"]
        entrypoint = specification.get("ContainerEntrypoint")
        arguments = specification.get("ContainerArguments")
        self._enter("Downloading", "Downloading input data")
        with (
            self._data.piped() as piped,
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
                volume=self.request["ResourceConfig"].get("VolumeSizeInGB"),
                mounts={host: each.mounts for host, each in piped.items()},
            ),
        ):
            self._data.download()
            self.check_stopped()
            self._enter("Training", "Training image download completed. Training in progress.")
            end = self._train(piped)
            if end.why == "Interrupted":
                mark = f" ({MARK})" if self.blamed else ""
                self._enter("Interrupted", f"Training job interrupted{mark}")
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

    def _train(self, piped: Mapping[str, pipes.Pipes]) -> End:
        """Run the containers to their end, or stop them."""

        def failure() -> JobError | None:
            errors = (each.error for each in piped.values() if each.error)
            return next((data_failure(error, "Pipe") for error in errors), None)

        condition = self.request.get("StoppingCondition", {})
        now, begun = datetime.now(UTC), time.monotonic()
        with self.lock:
            self.started = self.started or now
        limit = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME) - self._trained
        wait = condition.get("MaxWaitTimeInSeconds", math.inf)
        wait -= (now - self.created).total_seconds()
        self._cluster.start(self._on_line, usage="docker run <image> train")
        interruption = self._interruption_on_demand()
        try:
            return self._cluster.until_end(
                {"MaxRuntimeExceeded": begun + limit, "MaxWaitTimeExceeded": begun + wait},
                interrupted=self._interruption,
                failure=failure,
                tick=self._tick,
            )
        finally:
            self._trained += time.monotonic() - begun
            if interruption is not None:
                interruption.cancel()

    def _tick(self) -> None:
        self._metrics.send()
        self._data.observed.update(self._cluster.containers)

    def _interruption_on_demand(self) -> threading.Timer | None:
        """The timer of a fault that is to take the instances away."""
        if not self.request.get("EnableManagedSpotTraining"):
            return None
        fault = self.fault(events.INTERRUPTION)
        return events.after(fault.delay, self._interrupt) if fault else None

    def _interrupt(self) -> None:
        self._interrupted = True
        self.wake.set()

    def _interruption(self) -> str:
        interrupted, self._interrupted = self._interrupted, False
        return "Interrupted" if interrupted else ""

    def _on_line(self, line: str, host: str = "algo-1") -> None:
        self._cluster.logs[host].write(line)
        self._metrics.read(line)

    def _on_value(self, name: str, value: float) -> None:
        if self.component is not None:
            self.component.metrics.add(name, Point(time.time(), None, value), self.arn)
        self._on_metric(name, value)

    def _on_metric(self, name: str, value: float) -> None:
        """A value of a metric was found in the log."""

    def _upload(self, *, only_checkpoints: bool = False) -> None:
        def keep(uri: str) -> None:
            with self.lock:
                self.artifacts = uri

        self._data.upload(
            on_model=keep, beside=self._metrics.send, only_checkpoints=only_checkpoints
        )

    # Statuses.

    def _enter(self, secondary: str, message: str) -> None:
        """Enter a secondary status; a job that is being stopped stays Stopping."""
        with self.lock:
            if self.status == "InProgress":
                self._step(secondary, message)

    def _on_stopping(self) -> None:
        self._step("Stopping", "Stopping the training job")

    def _on_end(self, why: str) -> None:
        self._metrics.close()
        self._step(why, _MESSAGES[why])
        self.transitions[-1]["EndTime"] = self.ended

    def _on_transfer(self, text: str) -> None:
        """Say how far it is, where the job is still at what this is about."""
        if text.startswith(self._message):
            self.transitions[-1]["StatusMessage"] = text
            self.modified = datetime.now(UTC)

    def _step(self, secondary: str, message: str) -> None:
        now = datetime.now(UTC)
        _log.debug("%s %s: %s: %s", self.words, self.name, secondary, message)
        if self.transitions:
            self.transitions[-1] |= {"EndTime": now, "StatusMessage": self._message}
        self._message = message
        self.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        self.secondary = secondary
        self.modified = now
