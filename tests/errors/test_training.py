"""What a newcomer's `train` does wrong."""

from __future__ import annotations

import pytest

from tests.errors.conftest import last_lines

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]
# The engine passes on stdout and stderr as they come to it, so which line is the last may differ.


def test_a_traceback(run, told):
    said = run(train="traceback")
    told("traceback", said)
    assert "ValueError: could not convert string to float: 'x'" in last_lines(said)
    assert 'File "/opt/wrong.py"' in "\n".join(last_lines(said))
    assert "build/runs/" in said, "where what is left of the run is"


def test_a_module_that_is_not_installed(run, told):
    said = run(train="module")
    told("no-module", said)
    assert "ModuleNotFoundError: No module named 'lightgbm'" in last_lines(said)


@pytest.mark.slow
def test_another_channel_than_the_projects(run, told):
    said = run(train="channel")
    told("another-channel", said)
    assert "/opt/ml/input/data/training/rows.csv" in "\n".join(last_lines(said))


@pytest.mark.slow
def test_a_hyperparameter_of_another_name(run, told):
    said = run(train="hyperparameter", more="[hyperparameters]\nlearning-rate = 0.1\n")
    told("no-hyperparameter", said)
    assert "KeyError: 'learning_rate'" in last_lines(said)


def test_a_hyperparameter_is_a_string(run, told):
    said = run(train="string", more="[hyperparameters]\ntrees = 10\n")
    told("hyperparameter-string", said)
    assert any(line.startswith("TypeError: 'str' object") for line in last_lines(said))


@pytest.mark.slow
@pytest.mark.parametrize("train", ["no-model", "elsewhere"])
def test_no_model_is_left(run, told, train):
    told("no-model", run(train=train, passes=True))


def test_no_model_is_left_and_serving_needs_it(run, told):
    said = run(train="elsewhere", serve="serve-traceback")
    told("no-model", said)
    told("no-model-to-serve", said)
    assert "No such file or directory: '/opt/ml/model/weights.json'" in "\n".join(last_lines(said))


def test_it_needs_more_memory(run, told):
    more = '[[faults]]\nevent = "OutOfMemory"\ncount = 1\n'
    told("out-of-memory", run(train="train-forever", more=more))


@pytest.mark.slow
def test_it_takes_too_long(run, told):
    said = run(train="train-forever", seconds=10)
    told("too-long", said)
    assert last_lines(said) == ["reading the data"]
