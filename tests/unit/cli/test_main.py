"""The command line from outside: what it prints where, and with which status it leaves."""

import json
import os
import signal
import subprocess
import sys

import pytest

from harness.account import policy_documents
from harness.checks import Check
from harness.cli import doctor, main
from tests import forked


@pytest.fixture
def harness(tmp_path):
    """Run `python -m harness` in an empty folder, with an environment that knows no AWS."""

    def harness(*arguments, **variables):
        home = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        env = kept | home | variables
        return forked.run(arguments, cwd=str(tmp_path), env=env, timeout=60)

    return harness


def test_help_names_the_commands(harness):
    shown = harness("--help")

    assert shown.returncode == 0
    assert all(command in shown.stdout for command in ("run", "up", "env", "doctor"))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("train",),
        ("run", "--fast"),
        ("run", "--target", "x"),
        ("up", "--registry", "127.0.0.1"),
        ("up", "--registry", "127.0.0.1:http"),
        ("up", "--registry", "http://127.0.0.1:5000"),
    ],
)
def test_wrong_usage_is_status_2(harness, arguments):
    refused = harness(*arguments)

    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: harness")
    assert refused.stdout == ""


def test_there_is_nowhere_to_push_to_locally(harness):
    refused = harness("push")

    assert refused.returncode == 2
    assert refused.stderr.startswith('harness: target = "local" has no repository to push to')
    assert refused.stderr.endswith("`harness push --target aws`.\n")


def test_a_wrong_setting_is_status_2_and_one_sentence(harness):
    refused = harness("run", HARNESS_THRESHOLDS_TRAIN_R2="high")

    assert refused.returncode == 2
    assert refused.stderr == (
        "harness: HARNESS_THRESHOLDS_TRAIN_R2 = 'high': input should be a valid number, unable to "
        "parse string as a number.\n"
    )
    assert refused.stdout == ""


def test_with_json_an_error_is_an_object_on_stdout_too(harness, tmp_path):
    refused = harness("build", "--json", "--config", "other.toml")

    assert refused.returncode == 2
    answer = json.loads(refused.stdout)
    assert answer["passed"] is False
    assert answer["error"].startswith(f"{tmp_path / 'other.toml'}: can't be read")


def test_aws_without_anything_set_stops_at_once_and_says_all_that_is_missing(harness):
    refused = harness("run", "--target", "aws")

    assert refused.returncode == 2
    for missing in ("HARNESS_AWS_ROLE_ARN", "HARNESS_AWS_BUCKET", "AWS_ACCESS_KEY_ID"):
        assert missing in refused.stderr
    assert "Traceback" not in refused.stderr


def test_aws_says_only_what_is_missing(harness):
    refused = harness(
        "run",
        HARNESS_TARGET="aws",
        HARNESS_AWS_ROLE_ARN="arn:aws:iam::111122223333:role/SageMaker",
        HARNESS_AWS_BUCKET="my-bucket",
        HARNESS_AWS_PROFILE="nobody",
    )

    assert refused.returncode == 2
    assert "nobody" in refused.stderr
    assert "HARNESS_AWS_BUCKET" not in refused.stderr


def test_without_an_engine_each_command_says_so_and_fails(harness, tmp_path):
    nowhere = f"unix://{tmp_path}/docker.sock"
    for command in ("clean", "build"):
        failed = harness(command, DOCKER_HOST=nowhere, HARNESS_NO_ENGINE_SETUP="1")

        assert failed.returncode == 1, command
        assert failed.stderr.splitlines()[-1].startswith("harness: ")
        assert "Traceback" not in failed.stderr


def test_doctor_lists_what_is_there_and_how_to_get_the_rest(harness, tmp_path):
    found = harness("doctor", "--json", "--target", "aws", DOCKER_HOST=f"unix://{tmp_path}/x.sock")

    assert found.returncode == 1
    answer = json.loads(found.stdout.splitlines()[-1])
    checks = {check["name"]: check for check in answer["checks"]}
    assert answer["ok"] is False
    assert checks["python"]["ok"]
    assert not checks["engine"]["ok"]
    assert not checks["bucket"]["ok"]
    assert "HARNESS_AWS_BUCKET" in checks["bucket"]["remedy"]
    assert not checks["credentials"]["ok"]

    table = harness("doctor", DOCKER_HOST=f"unix://{tmp_path}/x.sock")
    assert "MISSING  engine" in table.stdout


def test_doctor_tells_what_it_cannot_know_from_what_is_there(tmp_path, capsys, monkeypatch):
    known, unknown = Check("a", True, "there"), Check("b", True, "not checked", unknown=True)
    monkeypatch.setattr(doctor, "examine", lambda settings: [known, unknown])
    monkeypatch.chdir(tmp_path)

    assert main.main(["doctor"]) == 0

    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["ok", "a"],
        ["unknown", "b"],
    ]


def test_policy_prints_what_iam_takes(harness):
    role = "arn:aws:iam::111122223333:role/mine"
    variables = {"HARNESS_AWS_ROLE_ARN": role, "HARNESS_AWS_BUCKET": "my-bucket"}
    described = harness("policy", "--help").stdout

    for name in policy_documents.NAMES:
        assert name in described
        printed = harness("policy", name, "--github", "me/mine", **variables)
        assert printed.returncode == 0
        assert "111122223333" in printed.stdout
        assert json.loads(printed.stdout)["Version"] == "2012-10-17"

    assert "me/mine" in printed.stdout
    compact = harness("policy", "caller", "--json", **variables).stdout
    assert len(compact.splitlines()) == 1
    assert json.loads(compact)["Statement"]


def test_policy_says_what_it_needs_to_know(harness):
    refused = harness("policy", "caller", "--account", "111122223333")
    assert refused.returncode == 2
    assert "HARNESS_AWS_BUCKET" in refused.stderr

    refused = harness("policy", "execution-role-trust")
    assert refused.returncode == 2
    assert "--account" in refused.stderr

    assert harness("policy", "everything").returncode == 2


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: str(value),
)
def test_a_signal_unwinds_what_runs_and_sets_the_status(number, status):
    program = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
from harness import cli
def doctor(arguments, signals):
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        print("torn down", flush=True)
cli.doctor = doctor
sys.exit(cli.main(["doctor", "--json"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == status
    assert out.splitlines()[0] == "torn down"
    assert number.name in json.loads(out.splitlines()[-1])["error"]
    assert "Traceback" not in err


def test_a_second_signal_leaves_the_tear_down_alone():
    program = """
import os, signal, sys, time
from harness import cli
def doctor(arguments, signals):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)
        print("torn down", flush=True)
cli.doctor = doctor
sys.exit(cli.main(["doctor"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 130
    assert ended.stdout == "torn down\n"
    assert "Tearing down already" in ended.stderr


def test_who_is_told_of_ctrl_c_may_press_it_at_once():
    program = """
import os, signal, sys
from harness import cli
say = cli._say
def say_and_be_interrupted(words):
    say(words)
    if "until Ctrl-C" in words:
        os.kill(os.getpid(), signal.SIGINT)
cli._say = say_and_be_interrupted
def doctor(arguments, signals):
    signals.wait("Serving until Ctrl-C.")
    print("torn down")
    return 0
cli.doctor = doctor
sys.exit(cli.main(["doctor"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "torn down\n"


def test_a_bug_is_a_traceback_and_an_object_too():
    program = """
import sys
from harness import cli
def doctor(arguments, signals):
    raise KeyError("surprise")
cli.doctor = doctor
sys.exit(cli.main(["doctor", "--json"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert json.loads(ended.stdout)["error"] == "unexpected KeyError: 'surprise'"
