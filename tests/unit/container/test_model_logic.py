"""The training script, run as sagemaker-training runs it: arguments and SM_ variables.

What it refuses is tested without a process of its own: `raise SystemExit(sentence)` is Python's way
to write the sentence to stderr and end with status 1.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest

from gam_model import GAMClassifier, GAMRegressor

CONTAINER = Path(__file__).parents[3] / "container"
SCRIPT = CONTAINER / "code" / "model_logic.py"


class Job:
    """The folders of a training job and its data: 90 rows in `train`, 30 in `test`."""

    def __init__(self, root, features=1):
        self.model_dir, self.output_dir = root / "model", root / "output"
        self.channels = {name: root / name for name in ("train", "test")}
        for folder in (self.model_dir, self.output_dir, *self.channels.values()):
            folder.mkdir()
        x = np.random.RandomState(3).uniform(0, 10, (120, features))
        self.table = np.column_stack([x, np.sin(x).sum(axis=1)])
        self.write("train", self.table[:90])
        self.write("test", self.table[90:])

    def write(self, channel, table):
        np.savetxt(self.channels[channel] / "data.csv", table, delimiter=",")

    def variables(self, channels=("train", "test")):
        folders = {f"SM_CHANNEL_{name.upper()}": str(self.channels[name]) for name in channels}
        return {
            **folders,
            "SM_MODEL_DIR": str(self.model_dir),
            "SM_OUTPUT_DATA_DIR": str(self.output_dir),
        }

    def run(self, *arguments, channels=("train", "test")):
        return subprocess.run(
            [sys.executable, "--", SCRIPT.name, *arguments],
            cwd=SCRIPT.parent,
            env={**os.environ, **self.variables(channels), "PYTHONPATH": str(CONTAINER)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


@pytest.fixture
def refusal(job, monkeypatch):
    """Runs the script in this process and returns the sentence that it ends with."""
    spec = importlib.util.spec_from_file_location("model_logic", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, value in job.variables().items():
        monkeypatch.setenv(name, value)

    def refusal(*arguments):
        with pytest.raises(SystemExit) as refused:
            script.train(script.parse(list(arguments)))
        sentence = refused.value.code
        assert isinstance(sentence, str)
        assert "\n" not in sentence
        assert not list(job.model_dir.iterdir())
        return sentence

    return refusal


def metric(output, name):
    """What a MetricDefinition of the script's docstring finds."""
    regex = re.search(rf'"Name": "{name}", "Regex": "(.+)"', SCRIPT.read_text())
    assert regex is not None
    found = re.findall(regex[1], output)
    assert len(found) == 1
    return float(found[0])


def test_trains_scores_and_saves(job):
    done = job.run("--df", "12", "--alpha", "0.5", "--degree", "3", "--extrapolation", "clip",
                   "--train-file", "data.csv", "--test-file", "data.csv")  # fmt: skip
    assert done.returncode == 0, done.stderr
    model = joblib.load(job.model_dir / "model.joblib")
    assert model.get_params() == GAMRegressor(12, 0.5, 3, "clip").get_params()
    train, test = job.table[:90], job.table[90:]
    assert metric(done.stdout, "train:r2") == pytest.approx(
        model.score(train[:, :-1], train[:, -1]), abs=1e-6
    )
    assert metric(done.stdout, "test:r2") == pytest.approx(
        model.score(test[:, :-1], test[:, -1]), abs=1e-6
    )
    assert [file.name for file in job.model_dir.iterdir()] == ["model.joblib"]
    curve = np.loadtxt(job.output_dir / "curve.csv", delimiter=",", skiprows=1)
    x, mean, lower, upper = curve.T
    expected, error = model.predict(x[:, np.newaxis], return_std=True)
    assert (x[0], x[-1]) == pytest.approx((train[:, 0].min(), train[:, 0].max()))
    assert mean == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert upper - lower == pytest.approx(2 * 1.959964 * error, rel=1e-5)


@pytest.mark.slow
def test_test_file_and_channel_are_optional(job):
    done = job.run("--train-file", "data.csv", channels=["train"])
    assert done.returncode == 0, done.stderr
    assert "test:r2" not in done.stdout


@pytest.mark.slow
def test_lists_hold_one_value_a_feature(tmp_path):
    job = Job(tmp_path, features=2)
    # As sagemaker-training writes the hyperparameter "[10, 12]" after reading it as JSON.
    done = job.run("--train-file", "data.csv", "--df", str([10, 12]), "--alpha", "[1, 2.5]")
    assert done.returncode == 0, done.stderr
    model = joblib.load(job.model_dir / "model.joblib")
    assert model.get_params()["df"] == [10, 12]
    assert model.get_params()["alpha"] == [1.0, 2.5]
    assert list(job.output_dir.iterdir()) == []  # a curve is of one feature


@pytest.mark.slow
def test_words_among_the_hyperparameters(tmp_path):
    job = Job(tmp_path, features=2)
    job.run("--train-file", "data.csv", "--alpha", "reml", "--terms", str(["spline", "linear"]))
    model = joblib.load(job.model_dir / "model.joblib")
    assert model.get_params()["alpha"] == "reml"
    assert model.get_params()["terms"] == ["spline", "linear"]
    assert model.edf_[0] > 2
    assert model.edf_[1] == pytest.approx(1)


@pytest.mark.slow
def test_counts_and_classes(job):
    job.table[:, -1] = job.table[:, -1] > 0
    job.write("train", job.table[:90])
    job.write("test", job.table[90:])
    files = "--train-file", "data.csv", "--test-file", "data.csv"
    done = job.run(*files, "--family", "binomial", "--alpha", "0.1")
    assert done.returncode == 0, done.stderr
    model = joblib.load(job.model_dir / "model.joblib")
    assert isinstance(model, GAMClassifier)
    score = model.score(job.table[:90, :-1], job.table[:90, -1])
    assert f"train:accuracy={score:.6f}\n" in done.stdout
    assert score > 0.9
    done = job.run(*files, "--family", "poisson")
    assert joblib.load(job.model_dir / "model.joblib").family == "poisson"
    assert "train:r2=" in done.stdout


@pytest.mark.slow
def test_a_model_worse_than_the_mean_warns_in_the_log(job):
    test = job.table[90:].copy()
    test[:, -1] *= -5
    job.write("test", test)
    done = job.run("--train-file", "data.csv", "--test-file", "data.csv")
    assert done.returncode == 0
    assert re.search(r"UserWarning: test:r2 is -\d.*: the mean of the test file's", done.stderr)
    assert "train:r2 is" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Hyperparameters: the following arguments are required: --train-file."),
        (["--train-file", "data.csv", "--dof", "3"], "unrecognized arguments: --dof 3. There are"),
        (["--train-file", "data.csv", "--df", "many"], "'many' is not a whole number"),
        (["--train-file", "data.csv", "--df", "2.5"], "'2.5' is not a whole number"),
        (["--train-file", "data.csv", "--df", "true"], "'true' is not a whole number"),
        (["--train-file", "data.csv", "--alpha", '["a"]'], "is not a number, nor a list"),
        (["--train-file", "data.csv", "--terms", "[spline"], "'[spline' is not a list of words"),
        (["--train-file", "gauss.csv"], "No file gauss.csv in the channel 'train'; it holds data"),
        (["--train-file", ".."], "No file .. in the channel 'train'"),
        (
            ["--train-file", "data.csv", "--test-file", "x.csv"],
            "No file x.csv in the channel 'test'",
        ),
    ],
)
def test_bad_hyperparameters_are_one_sentence(refusal, arguments, sentence):
    assert sentence in refusal(*arguments)


def test_missing_channel_is_one_sentence(job):
    done = job.run("--train-file", "data.csv", "--test-file", "data.csv", channels=["train"])
    assert done.returncode == 1
    assert done.stderr == "test-file is data.csv, but the job has no channel 'test'.\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x,y\n1,2\n", "no header: row 1, column 1 holds 'x', which is no number."),
        ("1,2\n3\n", "no header: row 2 has 1 value, row 1 has 2 values."),
        ("1,2\n\n3,4;5\n", "no header: row 3, column 2 holds '4;5', which is no number."),
        ("1,2\n3,\n", "no header: row 2, column 2 holds nothing, which is no number."),
        ("1\n2\n", "has 1 column(s); it needs at least one feature, then the target"),
        ("", "has 0 column(s)"),
        ("1,2\n\n3,nan\n", "holds nan at row 3, column 2; values must be finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_bad_csv_is_one_sentence(job, refusal, text, sentence):
    (job.channels["train"] / "data.csv").write_text(text)
    assert sentence in refusal("--train-file", "data.csv")


def test_a_csv_in_another_encoding_is_told_in_pythons_words(job, refusal):
    (job.channels["train"] / "data.csv").write_bytes(b"1,2\n3,\xff\n")
    sentence = refusal("--train-file", "data.csv")
    assert "is not a csv in UTF-8: 'utf-8' codec can't decode byte 0xff in position 6" in sentence
    assert "row" not in sentence


def test_test_file_of_other_width(job, refusal):
    job.write("test", np.ones((5, 3)))
    sentence = refusal("--train-file", "data.csv", "--test-file", "data.csv")
    assert sentence == "The test file has 2 feature(s), the train file 1."


@pytest.mark.slow
def test_what_the_model_refuses_ends_in_its_words(job):
    done = job.run("--train-file", "data.csv", "--df", "400")
    assert done.returncode == 1
    assert re.search(r"^ValueError: .*df", done.stderr, re.MULTILINE)
    assert not list(job.model_dir.iterdir())
