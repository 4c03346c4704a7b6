"""Processing jobs in Docker: their contract with the container, their statuses, and their ends."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.integration.support import AWS, ROLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

    from tests.integration.support import Names

pytestmark = pytest.mark.timeout(180)

GROUP = "/aws/sagemaker/ProcessingJobs"
ROOT = "/opt/ml/processing"

SEE = f"""
import json, os, pathlib, sys
config = pathlib.Path("/opt/ml/config")
seen = {{
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "job": json.loads((config / "processingjobconfig.json").read_text()),
    "resources": json.loads((config / "resourceconfig.json").read_text()),
    "files": {{
        str(path.relative_to("{ROOT}")): path.read_text()
        for path in sorted(pathlib.Path("{ROOT}").rglob("*"))
        if path.is_file() and path != pathlib.Path(__file__)
    }},
}}
out = pathlib.Path("{ROOT}/out")
out.joinpath(seen["resources"]["current_host"] + ".json").write_text(json.dumps(seen))
out.joinpath("both.txt").write_text(seen["resources"]["current_host"])
print("this is", seen["resources"]["current_host"])
"""
"""Writes what there is to be seen into the output folder."""

UNTIL_SIGTERM = f"""
import os, pathlib, signal, sys, time
at_end, now = (pathlib.Path("{ROOT}") / name for name in ("out", "now"))
def stop(number, frame):
    for folder in (at_end, now):
        (folder / "last.txt").write_text("saved on SIGTERM")
    pathlib.Path("/opt/ml/output/message").write_text("stopped early")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
at_end.joinpath("early.txt").write_text("early")
print("waiting for SIGTERM")
count = 0
# Overwritten in place: a file that is opened anew for writing is empty for a moment, and SIGTERM
# may come in it.
file = os.open(now / "count.txt", os.O_WRONLY | os.O_CREAT)
while True:
    count += 1
    os.pwrite(file, b"%08d" % count, 0)
    time.sleep(0.1)
"""


def source(uri: str, path: str = "in", **members: Any) -> dict[str, Any]:
    place = {"S3Uri": uri, "LocalPath": f"{ROOT}/{path}", "S3DataType": "S3Prefix", **members}
    return {"InputName": path.replace("/", "-"), "S3Input": place}


def output(uri: str, path: str = "out", mode: str = "EndOfJob") -> dict[str, Any]:
    place = {"S3Uri": uri, "LocalPath": f"{ROOT}/{path}", "S3UploadMode": mode}
    return {"OutputName": path, "S3Output": place}


def code(name: str, bucket: str) -> dict[str, Any]:
    return source(f"s3://{bucket}/{name}-code/program.py", "code")


@pytest.fixture
def create(aws: AWS, names: Names, probe_image: str) -> Callable[..., str]:
    """Creates a processing job that runs a Python program."""

    def create(program: str, *, arguments: tuple[str, ...] = (), count: int = 1,
               **members: Any) -> str:  # fmt: skip
        name = names.new("job")
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{name}-code/program.py", Body=program.encode())
        made = request(name, aws.bucket, probe_image, count)
        if arguments:
            made["AppSpecification"]["ContainerArguments"] = list(arguments)
        made["ProcessingInputs"] += members.pop("ProcessingInputs", [])
        aws.sagemaker.create_processing_job(**made | members)
        return name

    return create


@pytest.fixture
def data(aws: AWS, names: Names) -> Callable[..., str]:
    """Puts objects below a prefix of their own, and returns its URI."""

    def put(**objects: str) -> str:
        prefix = names.new("data")
        for key, content in objects.items():
            aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/{key}", Body=content.encode())
        return f"s3://{aws.bucket}/{prefix}"

    return put


def finish(aws: AWS, name: str) -> dict[str, Any]:
    aws.wait("processing_job_completed_or_stopped", ProcessingJobName=name)
    return dict(aws.sagemaker.describe_processing_job(ProcessingJobName=name))


def uploaded(aws: AWS, prefix: str) -> dict[str, str]:
    """The objects below a prefix of the tests' bucket."""
    listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=f"{prefix}/").get("Contents", [])
    return {
        item["Key"].removeprefix(f"{prefix}/"): aws.s3.get_object(
            Bucket=aws.bucket, Key=item["Key"]
        )["Body"]
        .read()
        .decode()
        for item in listed
    }


def gone(aws: AWS, name: str) -> None:
    aws.wait_until(lambda: not aws.containers(name), "the job's containers are removed")


def request(name: str, bucket: str, image: str, count: int = 1) -> dict[str, Any]:
    """Runs `{bucket}/{name}-code/program.py`; its output is s3://<bucket>/<name>.

    The program is an input, since an entry point has no room for much of it.
    """
    cluster = {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ["python3", f"{ROOT}/code/program.py"],
        },
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingInputs": [code(name, bucket)],
        "ProcessingOutputConfig": {"Outputs": [output(f"s3://{bucket}/{name}")]},
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
    }


LINKS = f"""
import os, pathlib, shutil
root = pathlib.Path("{ROOT}")
for name in ("out", "now"):
    folder = root / name
    (folder / "a.csv").write_text("rows")
    os.link(folder / "a.csv", folder / "b.csv")
    (folder / "step-100").mkdir()
    (folder / "step-100/ckpt").write_text("state")
    (folder / "last").symlink_to("step-100")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "host").symlink_to("../../../../../../../etc/hostname")
shutil.move(root / "moved", "/var/moved")
(root / "moved").symlink_to("/var/moved")
pathlib.Path("/var/moved/c.csv").write_text("moved")
"""
"""Has links in its outputs, one of which is a link itself."""


def test_links_in_outputs_are_what_they_lead_to(
    aws: AWS, create: Callable[..., str], names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = names.new("links")
    name = create(
        LINKS,
        ProcessingOutputConfig={
            "Outputs": [
                output(f"s3://{aws.bucket}/{prefix}/{path}", path, mode)
                for path, mode in (
                    ("out", "EndOfJob"), ("now", "Continuous"), ("moved", "EndOfJob"),
                )
            ]
        },
    )  # fmt: skip
    assert finish(aws, name)["ProcessingJobStatus"] == "Completed"
    files = {
        "a.csv": "rows",
        "b.csv": "rows",
        "step-100/ckpt": "state",
        "last/ckpt": "state",
    }
    assert uploaded(aws, prefix) == {
        **{f"{path}/{file}": text for path in ("out", "now") for file, text in files.items()},
        "moved/c.csv": "moved",
    }
    for path in ("out", "now"):
        for link in ("passwd", "host"):
            left_out = f"{link} is not uploaded to s3://{aws.bucket}/{prefix}/{path}: it is a link"
            assert left_out in caplog.text


def test_a_container_gets_its_files_its_arguments_and_its_configuration(
    aws: AWS, create: Callable[..., str], data: Callable[..., str], probe_image: str
) -> None:
    uri = data(**{"a.csv": "1", "deep/b.csv": "2"})
    manifest = data(manifest=json.dumps([{"prefix": f"{uri}/"}, "deep/b.csv"]))
    inputs = [
        source(uri),
        source(f"{uri}/a.csv", "deep/one"),
        source(f"{manifest}/manifest", "listed", S3DataType="ManifestFile"),
    ]
    name = create(
        SEE,
        arguments=("--greeting", "hello"),
        ProcessingInputs=inputs,
        Environment={"EXTRA": "of the job"},
    )
    job = finish(aws, name)

    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    seen = json.loads(uploaded(aws, name)["algo-1.json"])
    assert seen["arguments"] == ["--greeting", "hello"]
    assert seen["environment"]["EXTRA"] == "of the job"
    assert seen["environment"]["AWS_REGION"] == "us-east-1"
    assert seen["files"] == {
        "in/a.csv": "1", "in/deep/b.csv": "2", "deep/one/a.csv": "1", "listed/deep/b.csv": "2",
    }  # fmt: skip
    assert seen["resources"] == {"current_host": "algo-1", "hosts": ["algo-1"]}
    filled = {
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    assert seen["job"] == {
        "ProcessingJobArn": job["ProcessingJobArn"],
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": probe_image,
            "ContainerEntrypoint": ["python3", f"{ROOT}/code/program.py"],
            "ContainerArguments": ["--greeting", "hello"],
        },
        "Environment": {"EXTRA": "of the job"},
        "ProcessingInputs": [
            {"InputName": each["InputName"], "S3Input": {**each["S3Input"], **filled}}
            for each in [code(name, aws.bucket), *inputs]
        ],
        "ProcessingOutputConfig": {
            "Outputs": [output(f"s3://{aws.bucket}/{name}")],
            "KmsKeyId": None,
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
                "VolumeKmsKeyId": None,
            }
        },
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
    }
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert "ExitMessage" not in job
    assert "FailureReason" not in job
    assert aws.log(GROUP, f"{name}/algo-1-") == ["this is algo-1"]
    gone(aws, name)

    browser = urllib.request.Request(
        aws.sagemaker.meta.endpoint_url, headers={"Accept": "text/html"}
    )
    with urllib.request.urlopen(browser, timeout=10) as page:
        assert f">{name}</a>" in page.read().decode()


def test_without_an_entry_point_the_images_own_command_runs(
    aws: AWS, create: Callable[..., str], probe_image: str
) -> None:
    arguments = ["train"]  # the image has no entry point: these are the whole command
    specification = {"ImageUri": probe_image, "ContainerArguments": arguments}
    job = finish(
        aws,
        create("", AppSpecification=specification, Environment={"PROBE": "fail-without-file"}),
    )
    assert job["FailureReason"].endswith(", exit code: 1")
    # There is no /opt/ml/model in a processing job.
    aws.wait_until(
        lambda: any(
            "FileNotFoundError" in line for line in aws.log(GROUP, job["ProcessingJobName"])
        ),
        "the command's own error in the log",
    )


def test_hosts_find_each_other_and_share_the_data(
    aws: AWS, create: Callable[..., str], data: Callable[..., str], docker_client: DockerClient
) -> None:
    uri = data(a="a", b="b", c="c")
    program = (
        f"import sys; sys.path.insert(0, '/opt/probe'); import probe\n{SEE}\n"
        "told = probe.exchange(seen['resources']['current_host'], seen['resources']['hosts'])\n"
        "pathlib.Path('/opt/ml/output/message').write_text(' '.join(sorted(told.values())) + ';')\n"
    )
    name = create(
        program,
        count=2,
        ProcessingInputs=[
            source(uri, "all"),
            source(uri, "some", S3DataDistributionType="ShardedByS3Key"),
        ],
    )
    job = finish(aws, name)

    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "algo-1 algo-2;" * 2
    files = uploaded(aws, name)
    assert files["both.txt"] == "algo-1"
    shares = []
    for host in ("algo-1", "algo-2"):
        seen = json.loads(files[f"{host}.json"])
        assert seen["resources"] == {"current_host": host, "hosts": ["algo-1", "algo-2"]}
        assert {path for path in seen["files"] if path.startswith("all/")} == {
            "all/a", "all/b", "all/c",
        }  # fmt: skip
        shares.append({path for path in seen["files"] if path.startswith("some/")})
        assert aws.log(GROUP, f"{name}/{host}-") == [f"this is {host}"]
    assert sorted(map(len, shares)) == [1, 2]
    assert shares[0] | shares[1] == {"some/a", "some/b", "some/c"}
    gone(aws, name)
    aws.wait_until(lambda: not docker_client.api.networks(names=[name]), "the network is removed")


@pytest.mark.slow
def test_a_host_that_fails_fails_the_job(aws: AWS, create: Callable[..., str]) -> None:
    program = (
        "import json, signal, sys, time; "
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0)); "
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']; "
        "sys.exit('algo-2 gives up') if host == 'algo-2' else [time.sleep(0.1) for _ in range(999)]"
    )
    name = create(program, count=2)
    job = finish(aws, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: algo-2 gives up, exit code: 1"
    gone(aws, name)


@pytest.mark.slow
def test_outputs_are_uploaded_while_the_job_runs_or_at_its_end(
    aws: AWS, create: Callable[..., str], names: Names
) -> None:
    at_end, now = names.new("end"), names.new("now")
    outputs = [
        output(f"s3://{aws.bucket}/{at_end}"),
        output(f"s3://{aws.bucket}/{now}", "now", "Continuous"),
    ]
    name = create(UNTIL_SIGTERM, ProcessingOutputConfig={"Outputs": outputs})
    counts: set[str] = set()

    def counted(times: int) -> bool:
        counts.update(uploaded(aws, now).values())
        return len(counts - {""}) >= times

    aws.wait_until(lambda: counted(2), "a file is uploaded, and again when it has changed")
    assert uploaded(aws, at_end) == {}
    described = aws.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert described["ProcessingJobStatus"] == "InProgress"
    listed = aws.sagemaker.list_processing_jobs(StatusEquals="InProgress", NameContains=name)
    assert [each["ProcessingJobName"] for each in listed["ProcessingJobSummaries"]] == [name]
    with pytest.raises(ClientError, match=r"ResourceInUse.*InProgress"):
        aws.sagemaker.delete_processing_job(ProcessingJobName=name)

    aws.sagemaker.stop_processing_job(ProcessingJobName=name)
    job = finish(aws, name)

    assert job["ProcessingJobStatus"] == "Stopped"
    assert job["ExitMessage"] == "stopped early"
    assert "FailureReason" not in job
    assert uploaded(aws, at_end) == {"early.txt": "early", "last.txt": "saved on SIGTERM"}
    files = uploaded(aws, now)
    assert files["last.txt"] == "saved on SIGTERM"
    assert int(files["count.txt"]) >= max(map(int, counts - {""}))
    gone(aws, name)


def test_a_job_that_takes_too_long_is_stopped(
    aws: AWS, create: Callable[..., str], probe_image: str
) -> None:
    # A shell, since it catches signals from its first moment on.
    program = f"trap 'echo saved >{ROOT}/out/last.txt; exit 0' TERM; while :; do sleep 0.1; done"
    name = create(
        "",
        AppSpecification={"ImageUri": probe_image, "ContainerEntrypoint": ["sh", "-c", program]},
        StoppingCondition={"MaxRuntimeInSeconds": 2},
    )
    job = finish(aws, name)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    assert uploaded(aws, name) == {"last.txt": "saved\n"}


def test_a_job_that_fails_uploads_what_it_has(aws: AWS, create: Callable[..., str]) -> None:
    name = create(
        "import pathlib, sys; "
        f"pathlib.Path('{ROOT}/out/part.txt').write_text('part'); "
        "pathlib.Path('/opt/ml/output/message').write_text('ü' * 2000); "
        "print('the last words'); sys.exit(3)"
    )
    job = finish(aws, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: the last words, exit code: 3"
    assert job["ExitMessage"] == "ü" * 1024
    assert uploaded(aws, name) == {"part.txt": "part"}


def test_a_job_has_its_instances_memory_and_fails_in_aws_words_without_enough(
    aws: AWS, create: Callable[..., str], docker_client: DockerClient
) -> None:
    cluster = {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
    name = create(
        "import sys; sys.path.insert(0, '/opt/probe'); import probe; probe.run_out_of_memory()",
        ProcessingResources={"ClusterConfig": cluster},
    )
    aws.wait_for_log(GROUP, name, f"memory limit: {4 << 30}")
    (container,) = aws.containers(name)
    little = 64 << 20
    docker_client.containers.get(container.lstrip("/")).update(
        mem_limit=little, memswap_limit=little
    )
    job = finish(aws, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Please use an instance type with more memory, or reduce the size of job "
        "data processed on an instance."
    )


def test_a_message_that_is_no_text_fails_the_job(aws: AWS, create: Callable[..., str]) -> None:
    name = create(
        "import pathlib; "
        f"pathlib.Path('{ROOT}/out/part.txt').write_text('part'); "
        "pathlib.Path('/opt/ml/output/message').write_bytes(b'\\xff\\xfe')"
    )
    job = finish(aws, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "ClientError: /opt/ml/output/message is not UTF-8 encoded"
    )
    assert uploaded(aws, name) == {"part.txt": "part"}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (
            {"ProcessingInputs": [source("s3://{bucket}/nothing/here")]},
            "ClientError: Failed to download data. no objects under s3://{bucket}/nothing/here",
        ),
        (
            {"ProcessingInputs": [source("s3://no-such-bucket-at-all/x")]},
            "ClientError: Failed to download data. ",
        ),
        (
            {"ProcessingInputs": [source("s3://{bucket}/none", S3DataType="ManifestFile")]},
            "ClientError: Failed to download data. s3://{bucket}/none: ",
        ),
        (
            {"ProcessingOutputConfig": {"Outputs": [output("s3://no-such-bucket-at-all/x")]}},
            "ClientError: Failed to upload output data. ",
        ),
        (
            {"AppSpecification": {"ImageUri": "harness-no-such-image.invalid/x:1"}},
            "ClientError: Cannot pull image harness-no-such-image.invalid/x:1: ",
        ),
        (
            {"AppSpecification": {"ImageUri": "{image}", "ContainerEntrypoint": ["nothing"]}},
            "ClientError: CannotStartContainerError. Please make sure the container can be run",
        ),
    ],
    ids=["object", "bucket", "manifest", "output bucket", "image", "command"],
)
def test_what_is_not_there_fails_the_job(
    aws: AWS,
    create: Callable[..., str],
    probe_image: str,
    members: dict[str, Any],
    reason: str,
) -> None:
    def filled(value: Any) -> Any:
        text = json.dumps(value)
        return json.loads(text.replace("{bucket}", aws.bucket).replace("{image}", probe_image))

    program = f"open('{ROOT}/out/file', 'w').write('something')"
    name = create(program, **filled(members))
    job = finish(aws, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(filled(reason))
    gone(aws, name)


def test_network_isolation_leaves_only_the_own_name(aws: AWS, create: Callable[..., str]) -> None:
    script = (
        "import socket, sys; "
        "names = sorted(name for _, name in socket.if_nameindex()); "
        "sys.exit(f'{names} {socket.gethostbyname(\"algo-1\")}')"
    )
    job = finish(aws, create(script, NetworkConfig={"EnableNetworkIsolation": True}))
    assert job["FailureReason"] == "AlgorithmError: ['lo'] 127.0.0.1, exit code: 1"
    assert job["NetworkConfig"] == {"EnableNetworkIsolation": True}


@pytest.mark.slow
def test_nothing_is_left_when_the_local_aws_is_closed(
    docker_client: DockerClient, names: Names, probe_image: str
) -> None:
    name = names.new("job")
    with LocalAWS() as server:
        session = local_boto_session(server.url, server.region)
        aws = AWS(session, docker_client, bucket=names.new("bucket"))
        aws.s3.put_object(
            Bucket=aws.bucket, Key=f"{name}-code/program.py", Body=UNTIL_SIGTERM.encode()
        )
        outputs = [
            output(f"s3://{aws.bucket}/end"),
            output(f"s3://{aws.bucket}/now", "now", "Continuous"),
        ]
        made = request(name, aws.bucket, probe_image, count=2)
        aws.sagemaker.create_processing_job(
            **made | {"ProcessingOutputConfig": {"Outputs": outputs}}
        )
        aws.wait_until(lambda: "count.txt" in uploaded(aws, "now"), "the job runs")
        assert len(aws.containers(name)) == 2
    assert aws.containers(name) == []
    assert docker_client.api.networks(names=[name]) == []
