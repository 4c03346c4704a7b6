"""Training jobs that read their channels from pipes."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import NotFound

from harness.local.engine import sessions
from tests.integration.training import channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)

GROUP = "/aws/sagemaker/TrainingJobs"


def record(data: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4)


@pytest.fixture
def put(aws: AWS, names: Names) -> Callable[..., str]:
    """Puts objects below a prefix, which it returns as a URI; ROOT/ in them becomes that."""
    prefix = names.new("data")
    uri = f"s3://{aws.bucket}/{prefix}/"

    def put(**objects: bytes) -> str:
        for key, body in objects.items():
            body = body.replace(b"ROOT/", uri.encode())
            aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{key}", Body=body)
        return uri

    return put


@pytest.fixture
def piped(create: Callable[..., str], probe_image: str) -> Callable[..., str]:
    """Creates a job that reads the pipes given, as in tests/integration/probe/pipes.py."""

    def piped(*reads: tuple[str, int, int | None], then: str = "", **members: Any) -> str:
        return create(
            AlgorithmSpecification={
                "TrainingImage": members.pop("image", probe_image),
                "TrainingInputMode": "Pipe",
                "ContainerEntrypoint": ["python3", "/opt/probe/pipes.py"],
            },
            Environment={"PIPES": json.dumps(reads), "THEN": then},
            **members,
        )

    return piped


def log(aws: AWS, name: str, host: str = "algo-1") -> dict[str, str]:
    """What the program has printed: the rest of each line by its first word, or two for a pipe."""
    lines = [line.split(" ", 2 if line.startswith("read ") else 1)
             for line in aws.log(GROUP, f"{name}/{host}-")]  # fmt: skip
    return {words[-2]: words[-1] for words in lines if len(words) > 1}


def heads(aws: AWS, name: str, host: str = "algo-1") -> dict[str, str]:
    """The first bytes that were read from each pipe."""
    return {
        pipe: json.loads(text)["head"]
        for pipe, text in log(aws, name, host).items()
        if pipe[-1].isdecimal() and text.startswith("{")
    }


def completed(aws: AWS, name: str) -> None:
    job = finish(aws, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def mounted(docker_client: DockerClient, aws: AWS, name: str) -> tuple[Path, list[str]]:
    """The folder of this machine, and the volumes, that the job's container has."""
    (container,) = aws.containers(name)
    mounts = docker_client.api.inspect_container(container)["Mounts"]
    (folder,) = (mount["Source"] for mount in mounts if mount["Type"] == "bind")
    return Path(folder), [mount["Name"] for mount in mounts if mount["Type"] == "volume"]


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("pipe-")]


def gone(docker_client: DockerClient, volume: str) -> bool:
    try:
        docker_client.volumes.get(volume)
    except NotFound:
        return True
    return False


@pytest.mark.parametrize("isolated", [False, True])
def test_epochs_are_read_beside_files(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str], isolated: bool
) -> None:
    uri = put(a=b"<1>", b=b"<2>", c=b"<3>")
    name = piped(
        ("train", 0, None), ("test", 0, None), ("train", 1, None), ("train", 2, None),
        InputDataConfig=[
            channel("train", uri),
            channel("test", f"{uri}b"),
            {**channel("code", f"{uri}a"), "InputMode": "File"},
            {**channel("more", f"{uri}c"), "InputMode": "FastFile"},
        ],
        EnableNetworkIsolation=isolated,
    )  # fmt: skip
    completed(aws, name)

    assert heads(aws, name) == {
        "train_0": "<1><2><3>", "test_0": "<2>", "train_1": "<1><2><3>", "train_2": "<1><2><3>",
    }  # fmt: skip
    said = log(aws, name)
    assert said["user"] == "0 sees ['code', 'more', 'test_0', 'train_0']"
    assert json.loads(said["files"]) == {"code/a": "<1>", "more/c": "<3>"}
    config = json.loads(said["config"])
    assert {channel: each["TrainingInputMode"] for channel, each in config.items()} == {
        "train": "Pipe", "test": "Pipe", "code": "File", "more": "FastFile",
    }  # fmt: skip


def test_large_objects_come_whole_and_may_be_left(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str]
) -> None:
    bodies = [os.urandom(9 << 20), os.urandom(5)]
    uri = put(a=bodies[0], b=bodies[1])
    name = piped(
        ("train", 0, 100), ("train", 1, 1), ("train", 2, None),
        InputDataConfig=[channel("train", uri)],
    )  # fmt: skip
    completed(aws, name)

    said = log(aws, name)
    assert json.loads(said["train_0"])["head"].encode("latin-1") == bodies[0][:100]
    assert json.loads(said["train_1"])["size"] == 1
    whole = json.loads(said["train_2"])
    assert whole["size"] == sum(map(len, bodies))
    assert whole["sha256"] == hashlib.sha256(b"".join(bodies)).hexdigest()


@pytest.mark.parametrize(
    ("source", "members", "expected"),
    [
        ({}, {"CompressionType": "Gzip"}, b"onetwo"),
        ({}, {"CompressionType": "Gzip", "RecordWrapperType": "RecordIO"},
         record(b"one") + record(b"two")),
        ({"S3DataType": "ManifestFile"}, {"CompressionType": "Gzip"}, b"twoone"),
        ({"S3DataType": "AugmentedManifestFile", "AttributeNames": ["data-ref", "label"]},
         {"CompressionType": "Gzip"}, b'one1two"b"'),
        ({"S3DataType": "AugmentedManifestFile", "AttributeNames": ["label", "data-ref"]},
         {"CompressionType": "Gzip", "RecordWrapperType": "RecordIO"},
         record(b"1") + record(b"one") + record(b'"b"') + record(b"two")),
    ],
    ids=["gzip", "records", "manifest", "augmented", "augmented records"],
)  # fmt: skip
def test_what_a_channel_can_be(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str], source: dict[str, Any],
    members: dict[str, Any], expected: bytes,
) -> None:  # fmt: skip
    uri = put(data1=gzip.compress(b"one"), data2=gzip.compress(b"two"))
    kind = source.get("S3DataType", "data")  # which is the prefix of the objects
    put(
        ManifestFile=b'[{"prefix": "ROOT/"}, "data2", "data1"]',
        AugmentedManifestFile=(
            b'{"data-ref": "ROOT/data1", "label": 1}\n{"data-ref": "ROOT/data2", "label": "b"}\n'
        ),
    )
    name = piped(
        ("train", 0, None), InputDataConfig=[{**channel("train", uri + kind, **source), **members}]
    )
    completed(aws, name)

    assert heads(aws, name)["train_0"].encode("latin-1") == expected
    config = json.loads(log(aws, name)["config"])["train"]
    assert config["RecordWrapperType"] == members.get("RecordWrapperType", "None")


@pytest.mark.slow
def test_hosts_share_what_is_shuffled(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str]
) -> None:
    keys = "abcdefgh"
    uri = put(**{key: key.encode() for key in keys})
    dealt = channel("dealt", uri, S3DataDistributionType="ShardedByS3Key")
    name = piped(
        ("dealt", 0, None), ("dealt", 1, None), ("all", 0, None), ("all", 1, None),
        InputDataConfig=[
            {**dealt, "ShuffleConfig": {"Seed": 1}},
            {**channel("all", uri), "ShuffleConfig": {"Seed": 1}},
        ],
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )  # fmt: skip
    completed(aws, name)

    first, second = (heads(aws, name, host) for host in ("algo-1", "algo-2"))
    for epoch in (0, 1):
        shares = first[f"dealt_{epoch}"], second[f"dealt_{epoch}"]
        assert [len(share) for share in shares] == [4, 4]
        assert sorted("".join(shares)) == list(keys)
        assert first[f"all_{epoch}"] == second[f"all_{epoch}"]
        assert sorted(first[f"all_{epoch}"]) == list(keys)
    assert first["all_0"] != first["all_1"]


@pytest.mark.slow
def test_a_job_that_reads_nothing_is_stopped_and_leaves_nothing(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str], docker_client: DockerClient
) -> None:
    uri = put(a=bytes(1 << 20))
    name = piped(
        ("read", 0, 10),
        then="wait",
        InputDataConfig=[
            channel("read", uri),
            channel("unread", uri),
            {**channel("file", uri), "InputMode": "File"},
        ],
    )
    aws.wait_for_log(GROUP, name, "waiting")
    folder, volumes = mounted(docker_client, aws, name)
    assert sorted(path.name for path in folder.iterdir()) == ["file", "read_1", "unread_0"]
    assert len(volumes) == 1
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert {"pipe-read_1", "pipe-unread_0"} <= set(threads())
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    assert finish(aws, name)["TrainingJobStatus"] == "Stopped"

    assert "stopped" in aws.log(GROUP, name)
    aws.wait_until(lambda: not threads(), "the threads end")
    aws.wait_until(lambda: not folder.exists(), "the pipes are removed")
    aws.wait_until(lambda: gone(docker_client, volumes[0]), "the volume is removed")
    assert not aws.containers(name)


def test_data_that_is_not_there_in_the_middle_fails_the_job(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str]
) -> None:
    uri = put(a=b"<1>", manifest=b'[{"prefix": "ROOT/"}, "a", "not/there"]')
    train = channel("train", f"{uri}manifest", S3DataType="ManifestFile")
    name = piped(("train", 0, None), InputDataConfig=[train])
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"ClientError: Data download failed: {uri}not/there")
    assert job["FailureReason"].endswith("(Pipe mode)")
    assert "stopped" in aws.log(GROUP, name)  # it has seen no end
    assert "train_0" not in log(aws, name)
    aws.wait_until(lambda: not threads(), "the threads end")


def test_data_that_is_not_there_at_all_fails_the_job_before_it_trains(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str]
) -> None:
    uri = put(manifest=b"no manifest")
    train = channel("train", f"{uri}manifest", S3DataType="ManifestFile")
    job = finish(aws, piped(("train", 0, None), InputDataConfig=[train]))

    assert job["FailureReason"].startswith(
        f"ClientError: Data download failed: the manifest {uri}manifest is not JSON"
    )
    assert "Training" not in [step["Status"] for step in job["SecondaryStatusTransitions"]]


def test_files_beside_pipes_that_are_not_there_fail_the_job(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str]
) -> None:
    uri = put(a=b"<1>", manifest=b'[{"prefix": "ROOT/"}, "not/there"]')
    files = channel("files", f"{uri}manifest", S3DataType="ManifestFile")
    job = finish(
        aws, piped(InputDataConfig=[channel("train", uri), {**files, "InputMode": "File"}])
    )

    assert job["FailureReason"].startswith(f"ClientError: Data download failed: {uri}not/there")
    assert job["FailureReason"].endswith("(File mode)")
    aws.wait_until(lambda: not threads(), "the threads end")


def test_the_user_of_a_container_need_not_be_root(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str], docker_client: DockerClient,
    probe_image: str, tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "Dockerfile").write_text(f"FROM {probe_image}\nUSER 1234\n")
    tag = "harness-probe:user"
    docker_client.images.build(path=str(tmp_path), tag=tag, rm=True, forcerm=True)
    try:
        uri = put(a=b"<1>")
        files = {**channel("file", uri), "InputMode": "File"}
        name = piped(("train", 0, None), image=tag, InputDataConfig=[channel("train", uri), files])
        completed(aws, name)
        assert heads(aws, name) == {"train_0": "<1>"}
        said = log(aws, name)
        assert said["user"].startswith("1234 sees")
        assert json.loads(said["files"]) == {"file/a": "<1>"}
    finally:
        docker_client.images.remove(tag)


@pytest.mark.slow
def test_a_spot_job_that_is_interrupted_begins_with_the_first_epoch_again(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str]
) -> None:
    name = piped(
        ("train", 0, None),
        then="wait",
        InputDataConfig=[channel("train", put(a=b"<1>"))],
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
    )
    aws.wait_for_log(GROUP, name, "waiting")
    arn = aws.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "harness:interrupt", "Value": "1"}])
    aws.wait_until(lambda: aws.log(GROUP, name).count("waiting") == 2, "it trains again")
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    assert finish(aws, name)["TrainingJobStatus"] == "Stopped"


KILLED = """
import sys, threading
from harness.local.data import pipes
from harness.local.engine.containers import Containers

class Endless:
    def epoch(self, number):
        yield b"data"

containers = Containers()
containers.require_image(sys.argv[1])
with containers.folder() as folder:
    made = pipes.Pipes(folder, {"train": Endless()}, print, ["file"])
    made.open()
    container = containers.create(
        sys.argv[1], name=sys.argv[2], hostname="h", command=["sleep", "60"], mounts=made.mounts
    )
    container.start(print)
    print(folder, flush=True)
    threading.Event().wait()
"""


def test_the_next_start_removes_what_a_killed_process_left(
    docker_client: DockerClient, aws: AWS, probe_image: str, names: Names
) -> None:
    name = names.new("killed")
    command = [sys.executable, "-c", KILLED, probe_image, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        source, volumes = mounted(docker_client, aws, name)
        assert source == folder
        assert [path.name for path in folder.iterdir() if path.is_fifo()] == ["train_0"]
        assert str(folder.parent) not in sessions.clean(docker_client)  # it lives
        assert folder.exists()
        process.send_signal(signal.SIGKILL)
    sessions.clean(docker_client)
    assert not folder.parent.exists()
    assert not aws.containers(name)
    assert gone(docker_client, volumes[0])


@pytest.mark.parametrize("where", ["engine", "kernel"])
def test_an_engine_elsewhere_is_told_in_one_sentence(
    aws: AWS, piped: Callable[..., str], put: Callable[..., str], where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if where == "engine":
        from testcontainers.core.config import testcontainers_config

        monkeypatch.setattr(testcontainers_config, "tc_host_override", "192.0.2.1")
    else:
        monkeypatch.setattr(platform, "release", lambda: "23.5.0-of-another-system")
    name = piped(("train", 0, None), InputDataConfig=[channel("train", put(a=b"1"))])
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Pipe input mode needs pipes that")
    assert "is not on this machine; use File mode there." in job["FailureReason"]
