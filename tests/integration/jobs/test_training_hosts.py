"""Training jobs on several hosts: one network, shared data, one model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.training import artifacts, channel, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)

GROUP = "/aws/sagemaker/TrainingJobs"


def cluster(count: int) -> dict[str, Any]:
    return {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


def test_hosts_share_a_network_the_data_and_the_model(
    aws: AWS, create: Callable[..., str], names: Names, docker_client: DockerClient
) -> None:
    prefix = names.new("data")
    for key in "abc":
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{key}", Body=key.encode())
    uri = f"s3://{aws.bucket}/{prefix}"
    name = create(
        "hosts",
        ResourceConfig=cluster(2),
        InputDataConfig=[
            channel("all", uri),
            channel("some", uri, S3DataDistributionType="ShardedByS3Key"),
        ],
    )
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    output = artifacts(aws, f"s3://{aws.bucket}/out/{name}/output/output.tar.gz")
    assert output == {"algo-1.txt": b"algo-1", "algo-2.txt": b"algo-2"}
    assert files["both.txt"] == b"algo-1"
    shares = []
    for host in ("algo-1", "algo-2"):
        known = json.loads(files[f"{host}.json"])
        assert known["hostname"] == host
        assert known["addresses"].keys() == {"algo-1", "algo-2"}
        assert len(set(known["addresses"].values())) == 2
        assert known["told"] == {"algo-1": "algo-1", "algo-2": "algo-2"}
        resources = json.loads(known["seen"]["input/config/resourceconfig.json"])
        assert resources["current_host"] == host
        assert resources["hosts"] == ["algo-1", "algo-2"]
        data = [path for path in known["seen"] if path.startswith("input/data/")]
        assert [path for path in data if "/all/" in path] == [
            f"input/data/all/{key}" for key in "abc"
        ]
        shares.append({path.rpartition("/")[2] for path in data if "/some/" in path})
        config = json.loads(known["seen"]["input/config/inputdataconfig.json"])
        assert config["some"]["S3DistributionType"] == "ShardedByS3Key"
    assert sorted(map(len, shares)) == [1, 2]
    assert shares[0] | shares[1] == set("abc")

    streams = aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")
    assert [stream["logStreamName"].rpartition("-")[0] for stream in streams["logStreams"]] == [
        f"{name}/algo-1", f"{name}/algo-2",
    ]  # fmt: skip
    for host in ("algo-1", "algo-2"):
        assert f"this is {host}" in aws.log(GROUP, f"{name}/{host}")
    aws.wait_until(lambda: not aws.containers(name), "the containers are removed")
    aws.wait_until(lambda: not docker_client.api.networks(names=[name]), "the network is removed")


@pytest.mark.slow
def test_a_host_that_fails_fails_the_job(aws: AWS, create: Callable[..., str]) -> None:
    name = create("fail-on-algo-2", ResourceConfig=cluster(3))
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: algo-2 has failed, exit code: 7"
    aws.wait_until(lambda: not aws.containers(name), "the containers are removed")


@pytest.mark.slow
@pytest.mark.parametrize("isolated", [False, True])
def test_a_job_on_several_hosts_is_stopped(
    aws: AWS, create: Callable[..., str], docker_client: DockerClient, isolated: bool
) -> None:
    name = create("until-sigterm", ResourceConfig=cluster(2), EnableNetworkIsolation=isolated)
    for host in ("algo-1", "algo-2"):
        aws.wait_for_log(GROUP, f"{name}/{host}", "waiting for SIGTERM")
    (network,) = docker_client.networks.list(names=[name], greedy=True)
    assert len(network.containers) == 2
    assert network.attrs["Internal"] is isolated
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    job = finish(aws, name)

    assert job["TrainingJobStatus"] == "Stopped"
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert files["checkpoint.txt"] == b"saved on SIGTERM"


@pytest.mark.slow
def test_groups_of_unlike_instances(aws: AWS, create: Callable[..., str], names: Names) -> None:
    prefix = names.new("data")
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/a", Body=b"a")
    groups = [
        {"InstanceGroupName": "data", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
        {"InstanceGroupName": "learn", "InstanceType": "ml.m5.large", "InstanceCount": 1},
    ]
    uri = f"s3://{aws.bucket}/{prefix}"
    job = finish(
        aws,
        create(
            "hosts",
            ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
            InputDataConfig=[channel("train", uri, InstanceGroupNames=["learn"])],
        ),
    )

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    files = artifacts(aws, job["ModelArtifacts"]["S3ModelArtifacts"])
    first, second = (json.loads(files[f"algo-{number}.json"])["seen"] for number in (1, 2))
    assert "input/data/train/a" not in first
    assert second["input/data/train/a"] == "a"
    resources = json.loads(second["input/config/resourceconfig.json"])
    assert resources["current_group_name"] == "learn"
    assert resources["current_instance_type"] == "ml.m5.large"
    assert resources["instance_groups"] == [
        {"instance_group_name": "data", "instance_type": "ml.c5.xlarge", "hosts": ["algo-1"]},
        {"instance_group_name": "learn", "instance_type": "ml.m5.large", "hosts": ["algo-2"]},
    ]
