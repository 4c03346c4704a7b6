"""The command line from outside: what it prints where, and with which status it leaves."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.cli import commands, main


def test_help_names_the_commands(harness):
    shown = harness("--help")

    assert shown.returncode == 0
    assert all(command in shown.stdout for command in ("run", "up", "env", "doctor"))


def test_without_a_command_it_shows_the_help(harness):
    shown = harness()

    assert shown.returncode == 0
    assert shown.stdout == harness("--help").stdout
    assert shown.stderr == ""


def test_the_version(harness):
    shown = harness("--version")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == f"harness {version('sagemaker-harness')}\n"


@pytest.mark.parametrize("first", [("-v",), ("--quiet",), ()])
def test_only_the_command_that_is_named_is_imported(first):
    program = f"""
import sys
from harness.cli import main
try:
    main.main([*{first!r}, "down", "--help"])
except SystemExit:
    of_commands = {{each for each in sys.modules if each.startswith("harness.cli.commands.")}}
    sys.exit(", ".join(of_commands - {{"harness.cli.commands.down"}}) or 0)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert "usage: harness down" in ended.stdout


@pytest.mark.parametrize("arguments", [("-q", "clean"), ("clean", "-q"), ("clean", "--quiet")])
def test_quiet_still_tells_why_something_failed(harness, tmp_path, arguments):
    failed = harness(
        *arguments, DOCKER_HOST=f"unix://{tmp_path}/docker.sock", HARNESS_NO_ENGINE_SETUP="1"
    )

    assert failed.returncode == 1
    assert failed.stderr.startswith("harness: ")


def test_a_folder_that_is_gone_is_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert main.main(["init"]) == 2

    assert capsys.readouterr().err == (
        "harness: the folder that this was started in is gone; go to another one.\n"
    )


def test_every_command_is_a_file():
    (folder,) = commands.__path__
    paths = [path.relative_to(folder) for path in Path(folder).rglob("*.py")]
    files = {".".join(path.with_suffix("").parts) for path in paths if path.stem != "__init__"}

    assert sorted(main.COMMANDS) == sorted(files)


def test_help_waits_for_nothing():
    program = """
import sys
from harness.cli import main
try:
    main.main(["--help"])
except SystemExit:
    heavy = {"boto3", "docker", "numpy", "pydantic", "requests"}
    heavy |= {"importlib.metadata", "harness.config.settings"}
    sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("run", "-q", "-v"),
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rnu",), "there is no command 'rnu' (did you mean run?); `harness --help` lists them"),
        (("-q", "rnu"), "there is no command 'rnu' (did you mean run?); `harness --help` lists"),
        (("frobnicate",), "there is no command 'frobnicate'; `harness --help` lists them"),
        (("--json", "ls"), "harness ls: error: --json stands behind the command"),
        (("--config", "x.toml", "run"),
         "--config stands behind the command, as in `harness run --config x.toml`"),
    ],
)  # fmt: skip
def test_what_stands_where_no_command_does_is_told_in_short(arguments, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main.main(arguments)
    assert words in capsys.readouterr().err


def test_a_wrong_setting_is_status_2_and_one_sentence(harness):
    refused = harness("run", HARNESS_THRESHOLDS_TRAIN_R2="high")

    assert refused.returncode == 2
    assert refused.stderr == (
        "harness: HARNESS_THRESHOLDS_TRAIN_R2 = 'high': should be a number.\n"
    )
    assert refused.stdout == ""


def test_with_json_an_error_is_an_object_on_stdout_too(harness, tmp_path):
    refused = harness("build", "--json", "--config", "other.toml")

    assert refused.returncode == 2
    answer = json.loads(refused.stdout)
    assert answer["passed"] is False
    assert answer["error"].startswith(f"{tmp_path / 'other.toml'}: can't be read")


def test_without_an_engine_each_command_says_so_and_fails(harness, tmp_path):
    nowhere = f"unix://{tmp_path}/docker.sock"
    for command in ("clean", "build"):
        failed = harness(command, DOCKER_HOST=nowhere, HARNESS_NO_ENGINE_SETUP="1")

        assert failed.returncode == 1, command
        assert failed.stderr.splitlines()[-1].startswith("harness: ")
        assert "Traceback" not in failed.stderr


def test_a_bug_is_a_traceback_and_an_object_too():
    program = """
import sys
from harness.cli import main
from harness.cli.commands import doctor
def run(arguments, signals):
    raise KeyError("surprise")
doctor.run = run
sys.exit(main.main(["doctor", "--json"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert json.loads(ended.stdout)["error"] == "unexpected KeyError: 'surprise'"


def test_nobody_who_reads_on_is_no_error():
    program = """
import sys
from harness.cli import main
from harness.cli.commands import doctor
def run(arguments, signals):
    while True:
        print("line", flush=True)
doctor.run = run
sys.exit(main.main(["doctor"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert said == ""
    assert process.wait(30) == 141


def test_an_option_that_a_command_does_not_have_is_refused_with_those_it_has(capsys):
    with pytest.raises(SystemExit) as left:
        main.main(["build", "--output", "there"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: harness build ")
    assert said.endswith("harness build: error: unrecognized arguments: --output there\n")
