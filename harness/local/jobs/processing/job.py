"""Processing jobs: `docker run` with an entry point and arguments, from S3 to S3.

The contract is that of "Build Your Own Processing Container" in AWS's developer guide.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import tarfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.aws_model import volumes
from harness.errors import EngineError
from harness.local.data import artifacts, channels, opt_ml, s3_objects
from harness.local.data.volumes import FullVolumeError, Volume
from harness.local.jobs.cluster import Cluster, End
from harness.local.jobs.job import Job, JobError, JobStoppedError
from harness.local.jobs.processing import requests
from harness.local.jobs.processing.requests import DEFAULT_MAX_RUNTIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.data.transfers import Transfer
    from harness.local.engine.container import Container
    from harness.local.engine.streams.pieces import Stream
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"

MESSAGE_LIMIT = 1024
"""Characters of all containers' /opt/ml/output/message that become the exit message."""

UPLOAD_PERIOD = 3.0
"""Seconds after which the outputs with `S3UploadMode` Continuous are looked at again."""

UPLOAD_SHARE = 10
"""Looking at them takes no more than this part of the time: it reads them all."""

# What the request and the description have in common, under the same names.
_DESCRIBED = (
    "ProcessingJobName",
    "ProcessingResources",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)


class ProcessingJob(Job):
    """One processing job."""

    noun = "ProcessingJob"
    kind = "processing-job"
    saved_fields = (*Job.saved_fields, "exit_message")

    def __init__(
        self, backend: Backend, context: RequestContext, request: Mapping[str, Any]
    ) -> None:
        super().__init__(backend, context, request)
        self.exit_message: str | None = None
        self._inputs = requests.inputs(request)
        self._outputs = requests.outputs(request)
        self._isolated = bool(request.get("NetworkConfig", {}).get("EnableNetworkIsolation"))
        condition = request.get("StoppingCondition", {})
        self._limit = condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
        cluster = request["ProcessingResources"]["ClusterConfig"]
        hosts = [f"algo-{number}" for number in range(1, requests.instance_count(request) + 1)]
        self._cluster = Cluster(self, hosts, LOG_GROUP)
        self._instance_types = dict.fromkeys(hosts, cluster["InstanceType"])
        size = volumes.size(cluster["InstanceType"], cluster["VolumeSizeInGB"])
        self._volumes = {host: Volume(size) for host in hosts}
        self._continuous = [
            artifacts.Mirror(backend.s3, place["LocalPath"], place["S3Uri"])
            for place in self._places("Continuous")
        ]
        self._next_upload = 0.0

    def _places(self, mode: str) -> list[dict[str, Any]]:
        """The `S3Output`s with this `S3UploadMode`."""
        places = (each["S3Output"] for each in self._outputs)
        return [place for place in places if place["S3UploadMode"] == mode]

    # What the operations ask for.

    def describe(self) -> dict[str, Any]:
        config = self.request.get("ProcessingOutputConfig")
        with self.lock:
            return {
                **{name: self.request[name] for name in _DESCRIBED if name in self.request},
                "ProcessingInputs": self._inputs or None,
                "ProcessingOutputConfig": config and {**config, "Outputs": self._outputs},
                "StoppingCondition": {"MaxRuntimeInSeconds": self._limit},
                "ProcessingJobArn": self.arn,
                "ProcessingJobStatus": self.status,
                "ExitMessage": self.exit_message,
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "ProcessingStartTime": self.started,
                "ProcessingEndTime": self.ended,
                "LastModifiedTime": self.modified,
            }

    def summary(self) -> dict[str, Any]:
        with self.lock:
            return {
                "ProcessingJobName": self.name,
                "ProcessingJobArn": self.arn,
                "CreationTime": self.created,
                "ProcessingEndTime": self.ended,
                "LastModifiedTime": self.modified,
                "ProcessingJobStatus": self.status,
                "FailureReason": self.failure_reason,
                "ExitMessage": self.exit_message,
            }

    # What the job does.

    def _run(self) -> None:
        specification = self.request["AppSpecification"]
        self.require_image(specification["ImageUri"])
        self.check_stopped()
        with self._cluster.created(
            specification["ImageUri"],
            command=specification.get("ContainerArguments"),
            entrypoint=specification.get("ContainerEntrypoint"),
            environment=self.request.get("Environment", {}),
            isolated=self._isolated,
            instance_types=self._instance_types,
            volume=self.request["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"],
        ):
            self._download()
            self.check_stopped()
            end = self._process()
            try:
                self._read_messages()
            finally:  # also if they can't be read
                self._upload()
            self._cluster.flush_logs()
            self.check_stopped()
            if end.why:
                raise JobStoppedError(end.why)
            if end.failed:
                raise self._cluster.algorithm_error(end.failed, "")

    def _download(self) -> None:
        transfer = self.transfer("Downloading input data", down=True)

        def put(host: str, container: Container) -> None:
            sdk_files = opt_ml.files(self.backend.container_files(isolated=self._isolated))
            entries = itertools.chain(sdk_files, self._entries(host, transfer))
            container.put("/", opt_ml.tar_stream(entries, self._volumes[host]))

        try:
            self._cluster.each(put, "download")
        except channels.DATA_ERRORS as error:
            raise JobError(f"ClientError: Failed to download data. {error}") from error

    def _entries(self, host: str, transfer: Transfer) -> Iterator[opt_ml.Entry]:
        """What stands under /opt/ml of a host before its container starts."""
        hosts = self._cluster.hosts
        sources = [each["S3Input"] for each in self._inputs]
        files = [
            channels.entries(
                self.backend.s3, _inside(source["LocalPath"]), source, hosts.index(host),
                len(hosts), transfer,
            )
            for source in sources
        ]  # fmt: skip
        yield from map(opt_ml.folder, ("opt/ml", "opt/ml/config", "opt/ml/output"))
        for name, content in (
            ("processingjobconfig", self._config()),
            ("resourceconfig", {"current_host": host, "hosts": hosts}),
        ):
            yield opt_ml.file(f"opt/ml/config/{name}.json", json.dumps(content).encode())
        paths = [each["LocalPath"] for each in [*sources, *self._places("EndOfJob"),
                                               *self._places("Continuous")]]  # fmt: skip
        yield from map(opt_ml.folder, _with_parents(paths))
        yield from itertools.chain.from_iterable(files)

    def _config(self) -> dict[str, Any]:
        """The content of processingjobconfig.json, as the developer guide shows it."""
        specification = self.request["AppSpecification"]
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        return {
            "ProcessingJobArn": self.arn,
            "ProcessingJobName": self.name,
            "AppSpecification": {
                "ImageUri": specification["ImageUri"],
                "ContainerEntrypoint": specification.get("ContainerEntrypoint"),
                "ContainerArguments": specification.get("ContainerArguments"),
            },
            "Environment": self.request.get("Environment", {}),
            "ProcessingInputs": [
                {
                    "InputName": each["InputName"],
                    "S3Input": {**each["S3Input"], "S3DownloadMode": "StartOfJob"},
                }
                for each in self._inputs
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": each["OutputName"], "S3Output": each["S3Output"]}
                    for each in self._outputs
                ],
                "KmsKeyId": self.request.get("ProcessingOutputConfig", {}).get("KmsKeyId"),
            },
            "ProcessingResources": {"ClusterConfig": {"VolumeKmsKeyId": None, **cluster}},
            "RoleArn": self.request["RoleArn"],
            "StoppingCondition": {"MaxRuntimeInSeconds": self._limit},
        }

    def _process(self) -> End:
        """Run the containers to their end, or stop them."""
        with self.lock:
            self.started = self.modified = datetime.now(UTC)
        self._cluster.start(usage="docker run <image>")
        return self._cluster.until_end(
            {"MaxRuntimeExceeded": time.monotonic() + self._limit},
            tick=self._upload_changes if self._continuous else None,
            period=UPLOAD_PERIOD,
        )

    def _upload_changes(self) -> None:
        """Upload what is new in the outputs that are uploaded continuously."""
        begun = time.monotonic()
        if begun < self._next_upload:
            return
        for output in self._continuous:
            try:
                output.update(self._cluster.containers)
            except (ClientError, BotoCoreError, EngineError, tarfile.TarError) as error:
                # A file that shrinks while it is read, say. What counts is the end of the job.
                _log.info("processing job %s: %s: %s", self.name, output.uri, error)
        took = time.monotonic() - begun
        self._next_upload = begun + max(UPLOAD_PERIOD, UPLOAD_SHARE * took)

    def _upload(self) -> None:
        """Upload the outputs, however the containers have ended."""
        containers = self._cluster.containers
        own = [self._volumes[host] for host in self._cluster.hosts]
        sending = self.transfer("Uploading output data")

        def upload(place: dict[str, Any]) -> None:
            path, uri = place["LocalPath"], place["S3Uri"]
            artifacts.upload_files(self.backend.s3, containers, path, uri, sending, volumes=own)

        calls = [lambda place=place: upload(place) for place in self._places("EndOfJob")]
        calls += [lambda each=each: each.update(containers, own) for each in self._continuous]
        try:
            self.together(calls, "upload")
        except (ClientError, BotoCoreError, s3_objects.DataError, FullVolumeError) as error:
            raise JobError(f"ClientError: Failed to upload output data. {error}") from error

    def _read_messages(self) -> None:
        """Take over what the containers have written to /opt/ml/output/message."""
        try:
            texts = [_message(stream) for stream in self._cluster.folders("/opt/ml/output/message")]
        except UnicodeDecodeError as error:
            raise JobError(
                f"ClientError: /opt/ml/output/message is not UTF-8 encoded ({error})."
            ) from error
        with self.lock:
            self.exit_message = "".join(texts)[:MESSAGE_LIMIT] or None


def _inside(path: str) -> str:
    """The path as a name in a tar of /: no slash at its ends, nor two in a row."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _with_parents(paths: list[str]) -> list[str]:
    """The folders at these paths and all above them below /opt/ml, outer ones first."""
    parts = [_inside(path).split("/") for path in paths]
    ends = itertools.chain.from_iterable(
        ("/".join(each[:end]) for end in range(3, len(each) + 1)) for each in parts
    )
    return sorted({"opt/ml/processing", *ends})


def _message(stream: Stream | None) -> str:
    """The first `MESSAGE_LIMIT` characters of a file; empty if it is none.

    Raises `UnicodeDecodeError` if they aren't UTF-8.
    """
    if stream is None:
        return ""
    reader = io.BufferedReader(opt_ml.TarReader(stream), opt_ml.CHUNK)
    with contextlib.closing(stream), tarfile.open(fileobj=reader, mode="r|") as source:
        member = source.next()
        content = source.extractfile(member) if member and member.isreg() else None
        if content is None:
            return ""
        start = io.BytesIO(content.read(4 * MESSAGE_LIMIT))  # at most four bytes a character
        return io.TextIOWrapper(start, "utf-8", newline="").read(MESSAGE_LIMIT)
