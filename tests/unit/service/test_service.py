"""`harness up`, `down` and `env` from outside, without a Docker engine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests import forked

TIMEOUT = 60


class Commands:
    """Runs `python -m harness` with a state folder of its own and no engine."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state" / "harness"
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.environ = kept | {
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "HARNESS_NO_ENGINE_SETUP": "1",
            "HARNESS_LOCAL_BUCKET": "my-bucket",
        }
        self.started = []

    def run(self, *arguments, **variables):
        env = self.environ | variables
        return forked.run(arguments, cwd=str(self.folder), env=env, timeout=TIMEOUT)

    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def up(self):
        """A service in the background on a free port; its JSON object."""
        up = self.run("up", "--detach", "--port", "0", "--json")
        assert up.returncode == 0, up.stderr
        return json.loads(up.stdout.splitlines()[-1])


@pytest.fixture
def commands(tmp_path):
    commands = Commands(tmp_path)
    yield commands
    commands.run("down")
    for process in commands.started:
        process.kill()
        process.communicate()


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
        "sagemaker-defaults.yaml",
        "service.lock",
        "service.log",
    ]


def test_a_service_may_open_many_files(commands):
    command = 'ulimit -Sn 256 && exec "$1" -m harness up --detach --port 0 --json'
    up = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable], cwd=commands.folder, env=commands.environ,
        capture_output=True, text=True, timeout=TIMEOUT, check=True,
    )  # fmt: skip
    limits = Path(f"/proc/{json.loads(up.stdout)['pid']}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    assert int(soft) == (65_536 if hard == "unlimited" else min(int(hard), 65_536))


def test_env_says_what_to_set_and_unset(commands):
    running = commands.up()
    hostile = {"AWS_ENDPOINT_URL_S3": "http://a", "HTTP_PROXY": "http://b", "NO_PROXY": "c"}
    variables = json.loads(commands.run("env", "--json", **hostile).stdout)

    assert variables["AWS_ENDPOINT_URL"] == running["url"]
    assert variables["AWS_DEFAULT_REGION"] == variables["AWS_REGION"] == "us-east-1"
    assert variables["NO_PROXY"] == "c,127.0.0.1"
    assert variables["no_proxy"] == "127.0.0.1"
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        assert variables[name] is None
    defaults = json.loads(Path(variables["SAGEMAKER_USER_CONFIG_OVERRIDE"]).read_text())
    modules = defaults["SageMaker"]["PythonSDK"]["Modules"]
    assert defaults["SchemaVersion"] == "1.0"
    assert modules == {"Session": {"DefaultS3Bucket": "my-bucket"}, "TelemetryOptOut": True}


def test_a_second_up_is_status_1_and_leaves_the_first_alone(commands):
    running = commands.up()
    for arguments in (("up", "--port", "0"), ("up", "--detach", "--port", "0")):
        second = commands.run(*arguments)

        assert second.returncode == 1
        assert f"runs already at {running['url']}" in second.stderr
        assert "Traceback" not in second.stderr
    with urllib.request.urlopen(f"{running['url']}/_harness/health", timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("detach", [(), ("--detach",)], ids=["foreground", "detached"])
def test_a_taken_port_is_status_1_and_one_sentence(commands, detach):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = commands.run("up", "--json", "--port", str(port), *detach)

    assert refused.returncode == 1
    assert f"can't listen on 127.0.0.1, port {port}" in json.loads(refused.stdout)["error"]
    assert "Traceback" not in refused.stderr
    assert commands.run("env").returncode == 1


def test_what_a_killed_service_leaves_does_not_pass_for_a_service(commands):
    killed = commands.up()
    os.kill(killed["pid"], signal.SIGKILL)
    wait_until_dead(killed["pid"])

    env = commands.run("env")
    assert env.returncode == 1
    assert env.stdout == ""
    assert "no local AWS is running" in env.stderr
    assert commands.up()["pid"] != killed["pid"]


def test_down_with_nothing_running_is_no_error(commands):
    down = commands.run("down")

    assert down.returncode == 0
    assert down.stdout == "no local AWS was running\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_service_in_the_foreground(commands, number):
    process = commands.start("up", "--port", "0", "--json")
    running = json.loads(process.stdout.readline())
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)

    assert running["pid"] == process.pid
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in err
    assert not (commands.state / "service.json").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::1"])
def test_env_has_a_url_that_leads_to_any_address(commands, host):
    up = commands.run("up", "--detach", "--port", "0", "--host", host, "--json")
    assert up.returncode == 0, up.stderr
    variables = json.loads(commands.run("env", "--json").stdout)

    with urllib.request.urlopen(f"{variables['AWS_ENDPOINT_URL']}/_harness/health", timeout=10):
        pass
    assert "0.0.0.0" not in variables["AWS_ENDPOINT_URL"]


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_an_impossible_port_is_wrong_usage(commands, port):
    refused = commands.run("up", f"--port={port}")

    assert refused.returncode == 2
    assert "no port" in refused.stderr


def test_a_service_that_can_not_start_says_why_in_the_caller_s_words(commands):
    refused = commands.run("up", "--detach", "--host", "203.0.113.1", "--port", "0")

    assert refused.returncode == 1
    assert "can't listen on 203.0.113.1" in refused.stderr
