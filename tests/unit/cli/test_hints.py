"""What to do about a failure, and how it ends a command."""

import json

import pytest

from harness.cli import main
from harness.cli.commands import doctor
from harness.cli.hints import hint
from harness.errors import ConfigError, FlowError


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("training job j is Failed: AlgorithmError: ExecuteUserScriptError, exit code: 1. Its log",
         "harness run --only train"),
        ("training job j is Failed: AlgorithmError: , exit code: 137.", "more memory"),
        ("training job j is Stopped: MaxRuntimeExceeded, the limit is", "max_runtime_seconds"),
        ("training job j is Failed: its log says: ModuleNotFoundError: No module named 'xgboost'",
         "the package that has xgboost"),
        (("training job j is Failed: FileNotFoundError: [Errno 2] No such file or directory: "
         "'/opt/ml/input/data/validation/x.csv'"), "[channels.validation]"),
        (("endpoint e is Failed: The primary container for production variant AllTraffic did not "
         "pass the ping health check."), "harness check --only serving"),
        ("training job j is Failed: CapacityError: Unable to provision", "another instance_type"),
        ("predict: An error occurred (ModelError)", "predict_fn"),
        ("no Docker engine answers", ""),
    ],
)  # fmt: skip
def test_what_to_do(sentence, words):
    assert words in hint(sentence)
    assert bool(hint(sentence)) is bool(words)


@pytest.fixture
def failing(monkeypatch):
    """Run a command that fails so; returns its status."""

    def failing(error, *arguments):
        def run(arguments, signals):
            raise error

        monkeypatch.setattr(doctor, "run", run)
        return main.main(["doctor", *arguments])

    return failing


def failed():
    error = FlowError("training job j is Failed: AlgorithmError: , exit code: 1. Its log is above.")
    error.last_lines = ["one", "ValueError: two"]
    return error


def test_a_failed_step_ends_with_what_and_what_to_do_and_the_last_lines(failing, capsys):
    assert failing(failed(), "-q") == 1

    what, todo, *rest = capsys.readouterr().err.splitlines()
    assert what == f"harness: {failed()}"
    assert todo.startswith("what to do: mend the program")
    assert rest == ["the container's last lines:", "  | one", "  | ValueError: two"]


def test_a_containers_words_do_nothing_to_the_terminal(failing, capsys):
    failing(FlowError("job j is Failed: \x1b[2J\x1b]0;title\x07gone?\nsecond"))

    assert capsys.readouterr().err == "harness: job j is Failed: gone?\nsecond\n"


def test_as_json(failing, capsys):
    failing(failed(), "--json")

    said = json.loads(capsys.readouterr().out)
    assert said["error"] == str(failed())
    assert said["last_lines"] == ["one", "ValueError: two"]
    assert said["hint"].startswith("mend the program")


def test_the_last_lines_say_what_to_do_too(failing, capsys):
    error = FlowError("training job j is Failed: AlgorithmError: , exit code: 1.")
    error.last_lines = ["ModuleNotFoundError: No module named 'polars'"]

    failing(error)

    assert "the package that has polars" in capsys.readouterr().err


def test_wrong_usage_is_the_sentence_alone(failing, capsys):
    assert failing(ConfigError("CapacityError: no such key.")) == 2

    assert capsys.readouterr().err == "harness: CapacityError: no such key.\n"
