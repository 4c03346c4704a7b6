"""`harness up --detach` from outside, without a Docker engine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TIMEOUT = 60


def is_alive(pid):
    """Whether the process runs; nobody may have waited for a killed one yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pid):
    deadline = time.monotonic() + TIMEOUT
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_detached_service_serves_every_sdk_until_down(commands):
    running = commands.up()
    program = """
import boto3
print([bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]])
print(boto3.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])
"""
    # What a shell of somebody who works with the real AWS may have.
    hostile = {
        "AWS_PROFILE": "nobody",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    used = subprocess.run(
        ["sh", "-c", 'eval "$("$1" -m harness env)" && exec "$1" -c "$2"', "sh", sys.executable,
         program],
        cwd=commands.folder,
        env=commands.environ | hostile,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )  # fmt: skip
    down = commands.run("down", "--json")

    assert used.stdout == "['my-bucket']\n[]\n", used.stderr
    assert not is_alive(running["pid"])
    assert down.returncode == 0
    assert json.loads(down.stdout)["ended"]["url"] == running["url"]
    assert sorted(path.name for path in commands.state.iterdir()) == [
        "botocore",
        "sagemaker-defaults.yaml",
        "service.lock",
        "service.log",
    ]


@pytest.mark.slow
def test_what_a_killed_service_leaves_does_not_pass_for_a_service(commands):
    killed = commands.up()
    os.kill(killed["pid"], signal.SIGKILL)
    wait_until_dead(killed["pid"])

    env = commands.run("env")
    assert env.returncode == 1
    assert env.stdout == ""
    assert "no local AWS is running" in env.stderr
    assert commands.up()["pid"] != killed["pid"]


def test_a_service_that_can_not_start_says_why_in_the_caller_s_words(commands):
    refused = commands.run("up", "--detach", "--host", "203.0.113.1", "--port", "0")

    assert refused.returncode == 1
    assert "can't listen on 203.0.113.1" in refused.stderr


def test_a_detached_service_logs_each_call_if_it_is_asked_to(commands):
    up = commands.run("up", "--detach", "--port", "0", "-v")
    assert up.returncode == 0, up.stderr

    commands.run("ls")

    log = (commands.state / "service.log").read_text()
    assert re.search(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d sagemaker ListTrainingJobs$", log, re.MULTILINE
    )
