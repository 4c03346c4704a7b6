"""The data of a training job: what its hosts get from S3 before, and what S3 gets from them."""

from __future__ import annotations

import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.aws_model import volumes
from harness.local.data import artifacts, channels, opt_ml, pipes
from harness.local.data.volumes import Volume
from harness.local.engine.errors import ElsewhereError
from harness.local.jobs.job import JobError
from harness.local.jobs.training import requests
from harness.local.jobs.training.observed import Observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.local.data.transfers import Transfer
    from harness.local.engine.container import Container
    from harness.local.jobs.cluster import Cluster
    from harness.local.jobs.job import Job


def data_failure(error: Exception, mode: str) -> JobError:
    return JobError(f"ClientError: Data download failed: {error} ({mode} mode)")


class TrainingData:
    """What goes into the containers of a training job, and what comes out of them."""

    def __init__(self, job: Job, cluster: Cluster, hosts: Mapping[str, opt_ml.Host]) -> None:
        self._job = job
        self._cluster = cluster
        self._hosts = hosts
        self._volumes: dict[str, Volume] = {}
        self.observed = Observed(job.backend, job.request)

    def _channels(self, host: str) -> Iterator[tuple[dict[str, Any], int, int]]:
        """The channels of a host, its index among those that get data of each, and their number."""
        groups = {name: each.group for name, each in self._hosts.items()}
        for channel in self._job.request.get("InputDataConfig") or []:
            receivers = channels.receivers(channel["DataSource"]["S3DataSource"], groups)
            if host in receivers:
                yield channel, receivers.index(host), len(receivers)

    def _mode(self, channel: dict[str, Any]) -> str:
        return requests.input_mode(self._job.request, channel)

    @contextlib.contextmanager
    def piped(self) -> Iterator[dict[str, pipes.Pipes]]:
        """The pipes of each host that has channels in Pipe mode, closed in the end."""
        s3, disturb = self._job.backend.s3, None
        if any(self._mode(each) == "Pipe" for each in self._job.request.get("InputDataConfig", [])):
            disturb = self._job.disturbance()
        with contextlib.ExitStack() as clean:
            made: dict[str, pipes.Pipes] = {}
            for host in self._hosts:
                given = list(self._channels(host))
                files = [c["ChannelName"] for c, _, _ in given if self._mode(c) != "Pipe"]
                if len(files) == len(given):
                    continue
                try:
                    folder = clean.enter_context(self._job.backend.containers.folder())
                    streams = {
                        channel["ChannelName"]: clean.enter_context(
                            contextlib.closing(pipes.Stream(s3, channel, index, hosts, disturb))
                        )
                        for channel, index, hosts in given
                        if self._mode(channel) == "Pipe"
                    }
                except channels.DATA_ERRORS as error:
                    raise data_failure(error, "Pipe") from error
                except ElsewhereError as error:
                    raise JobError(
                        "ClientError: Pipe input mode needs pipes that the local AWS and the "
                        f"container both reach, and {error}; use File mode there."
                    ) from error
                made[host] = pipes.Pipes(folder, streams, self._job.wake.set, files)
                clean.callback(made[host].close)
                made[host].open()
            yield made

    def download(self) -> None:
        transfer = self._job.transfer("Downloading input data", down=True)
        requested = self._job.request["ResourceConfig"].get("VolumeSizeInGB")
        self._volumes = {
            name: Volume(volumes.size(host.instance_type, requested))
            for name, host in self._hosts.items()
        }
        try:
            self._cluster.each(partial(self._download_to, transfer=transfer), "download")
        except channels.DATA_ERRORS as error:
            mode = self._job.request["AlgorithmSpecification"]["TrainingInputMode"]
            raise data_failure(error, "File" if mode == "Pipe" else mode) from error

    def _download_to(self, host: str, container: Container, transfer: Transfer) -> None:
        configs: dict[str, dict[str, Any]] = {}
        files: list[Iterable[opt_ml.Entry]] = []
        s3_client = self._job.backend.s3
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
        checkpoints = self._job.request.get("CheckpointConfig", {})
        layout = opt_ml.TrainingLayout(
            hyperparameters=self._job.request.get("HyperParameters", {}),
            channels=configs,
            hosts=list(self._hosts.values()),
            current=self._hosts[host],
            data=itertools.chain.from_iterable(files),
            configs=self.observed.configs,
            folders=self.observed.folders,
            checkpoint_path=checkpoints.get("LocalPath", opt_ml.CHECKPOINTS),
            checkpoints=(
                channels.checkpoints(s3_client, checkpoints["S3Uri"], transfer)
                if checkpoints
                else ()
            ),
        )
        isolated = bool(self._job.request.get("EnableNetworkIsolation"))
        sdk_files = opt_ml.files(self._job.backend.container_files(isolated=isolated))
        entries = itertools.chain(sdk_files, layout.entries())
        container.put("/", opt_ml.tar_stream(entries, self._volumes[host]))

    def upload(
        self,
        *,
        on_model: Callable[[str], None],
        beside: Callable[[], None],
        only_checkpoints: bool = False,
    ) -> None:
        """Upload the model, the output data and the checkpoints, and call `beside`, all at once.

        `on_model` is called with the model's S3 URI once it is there, whatever becomes of the rest.
        """
        client, what = self._job.backend.s3, "Uploading generated training model"
        sending = self._job.transfer(what)
        output = self._job.request["OutputDataConfig"]
        prefix = f"{output['S3OutputPath'].rstrip('/')}/{self._job.name}/output"
        as_files = output.get("CompressionType") == "NONE"
        hosts, own = self._cluster.containers, [self._volumes[host] for host in self._cluster.hosts]

        def model() -> None:
            path = "/opt/ml/model"
            if as_files:
                uri = f"{prefix}/model/"
                artifacts.upload_files(client, hosts, path, uri, sending, volumes=own)
            else:
                uri = f"{prefix}/model.tar.gz"
                artifacts.upload_archive(client, hosts, path, uri, sending, volumes=own)
            on_model(uri)

        def data() -> None:
            path = "/opt/ml/output/data"
            if as_files:
                uri = f"{prefix}/data/"
                artifacts.upload_files(client, hosts, path, uri, sending, volumes=own)
            else:
                uri = f"{prefix}/output.tar.gz"
                artifacts.upload_archive(
                    client, hosts, path, uri, sending, volumes=own, only_if_files=True
                )

        def checkpoints() -> None:
            config = self._job.request["CheckpointConfig"]
            path, uri = config.get("LocalPath", opt_ml.CHECKPOINTS), config["S3Uri"]
            artifacts.upload_files(client, hosts, path, uri, sending, volumes=own)

        calls = [] if only_checkpoints else [model, data]
        if "CheckpointConfig" in self._job.request:
            calls.append(checkpoints)
        calls.append(lambda: self.observed.finish(self._cluster.containers))
        try:
            self._job.together([*calls, beside], "upload")
        except channels.DATA_ERRORS as error:
            raise JobError(f"ClientError: Artifact upload failed: {error}") from error
