"""What is missing on the machine: an engine, a port, room, a service that runs."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def nobody_listens(tmp_path):
    """A socket whose engine has ended."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(path))
    return path


def test_docker_is_not_installed(harness, project, told, tmp_path):
    project()
    ran = harness("run", DOCKER_HOST=f"unix://{tmp_path}/docker.sock")

    assert ran.returncode == 1
    told("no-docker", ran.stderr)


def test_docker_is_not_running(harness, told, nobody_listens):
    ran = harness("clean", DOCKER_HOST=f"unix://{nobody_listens}")

    assert ran.returncode == 1
    told("docker-stopped", ran.stderr)


def test_no_permission_on_the_socket(harness, environ, told, nobody_listens, tmp_path):
    nobody_listens.chmod(0)
    command = [sys.executable, "-m", "harness", "clean"]
    if os.geteuid() == 0:  # whom permissions don't hold, unless it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("nothing here runs a program without root's powers")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    ran = subprocess.run(
        command, env={**environ, "DOCKER_HOST": f"unix://{nobody_listens}"}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.returncode == 1
    told("no-permission", ran.stderr)


def test_docker_host_is_wrong(harness, told):
    ran = harness("clean", DOCKER_HOST="tcp://127.0.0.1:1")

    assert ran.returncode == 1
    told("docker-host", ran.stderr)


def test_the_port_is_taken(harness, told):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ran = harness("up", "--port", port, DOCKER_HOST="tcp://127.0.0.1:1")

    assert ran.returncode == 1
    told("port-taken", ran.stderr)
    assert len(ran.stderr.splitlines()) == 1, "at once: before an engine is looked for"


@pytest.mark.parametrize("command", [("env",), ("ls",), ("logs", "job")])
def test_no_local_aws_runs(harness, told, command):
    ran = harness(*command)

    assert ran.returncode == 1
    told("nothing-runs", ran.stderr)


def test_no_such_job(harness, told, local_aws):
    ran = harness("logs", "my-jbo", HARNESS_LOCAL_ENDPOINT_URL=local_aws.url)

    assert ran.returncode == 1
    told("no-such-job", ran.stderr)


def test_the_disk_is_full(environ, harness, told, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-B", "-m", "harness", "init", "new"], env=environ, cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )  # fmt: skip

    assert ran.returncode == 1
    told("disk-full", ran.stderr)


def test_the_disk_is_full_where_s3_is(told, boto):
    from botocore.exceptions import ClientError

    s3 = boto.client("s3")
    s3.create_bucket(Bucket="full")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, before[1]))
    try:
        with pytest.raises(ClientError) as raised:
            s3.put_object(Bucket="full", Key="big", Body=bytes(8 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told("s3-full", str(raised.value))


def test_no_such_command(harness, told):
    ran = harness("rnu")

    assert ran.returncode == 2
    told("no-such-command", ran.stderr)
