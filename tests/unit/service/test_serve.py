"""`harness up` from outside, without a Docker engine."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from harness.local.core.client import local_boto_session

TIMEOUT = 60


@pytest.mark.slow
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
    assert len(refused.stderr.splitlines()) == 1, "before an engine is looked for"
    assert commands.run("env").returncode == 1


@pytest.mark.parametrize("detach", ["", "--detach"], ids=["foreground", "detached"])
def test_a_full_disk_is_status_1_and_one_sentence(commands, detach):
    """No file may get larger than it is: neither the state file nor the log."""
    command = 'ulimit -f 0 && exec "$1" -m harness up --port 0 --json $2'
    up = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, detach], cwd=commands.folder,
        env=commands.environ, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert up.returncode == 1
    sentence = json.loads(up.stdout)["error"]
    assert sentence.startswith(f"this machine has no room left in {commands.state} (")
    assert up.stderr.splitlines()[-1] == f"harness: {sentence}"
    assert "Traceback" not in up.stderr


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


def test_a_service_goes_on_where_the_one_before_was(commands):
    folder = str(commands.folder / "kept")
    for buckets in (["my-bucket"], ["made-before", "my-bucket"]):
        up = commands.run("up", "--detach", "--port", "0", "--json", "--state", folder)
        assert up.returncode == 0, up.stderr
        session = local_boto_session(json.loads(up.stdout)["url"], "us-east-1")
        found = session.client("s3").list_buckets()["Buckets"]
        assert sorted(each["Name"] for each in found) == buckets
        if len(buckets) == 1:
            session.client("s3").create_bucket(Bucket="made-before")
        assert commands.run("down").returncode == 0


def test_a_state_that_can_not_be_taken_up_is_status_1_and_one_sentence(commands):
    folder = commands.folder / "kept"
    folder.mkdir(mode=0o700)
    (folder / "state.json").write_text("{}")
    for detach in ((), ("--detach",)):
        refused = commands.run("up", "--json", "--port", "0", "--state", str(folder), *detach)
        assert refused.returncode == 1
        assert f"the state in {folder} is damaged" in json.loads(refused.stdout)["error"]
        assert "Traceback" not in refused.stderr
    assert (folder / "state.json").read_text() == "{}"
