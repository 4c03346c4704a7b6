"""What a run shows."""

import json
import math
from dataclasses import replace

import pytest

from harness.config.settings import Threshold
from harness.flow.report import Report
from harness.flow.steps.compare import Comparison

METRICS = {"train_r2": 0.99672, "test_r2": 0.99717}
REPORT = Report(
    target="local",
    region="us-east-1",
    run="harness-20261122-170312-3f9a01",
    image="harness-gam:0123456789ab",
    training_job="harness-20261122-170312-3f9a01",
    model_data="s3://harness-local/harness/run/output/model.tar.gz",
    endpoint="harness-20261122-170312-3f9a01",
    metrics={"train:r2": 0.99672, "test:r2": 0.99717, **METRICS},
    scores={"r2": {"train": "train_r2", "test": "test_r2"}},
    thresholds={
        "train_r2": Threshold(min=0.996, published=0.9967),
        "test_r2": Threshold(min=0.996, published=0.9972),
    },
    seconds={"build": 0.0, "train": 2.1, "deploy": 1.9, "predict": 0.02, "total": 5.13},
    output="/p/build/runs/harness-20261122-170312-3f9a01",
    model="/p/build/runs/harness-20261122-170312-3f9a01/model.tar.gz",
)


def lines(report, *starts):
    """The words of the table's lines that begin so."""
    table = report.as_table().splitlines()
    return [line.split() for line in table if line.startswith(starts)]


@pytest.mark.parametrize(
    ("train", "test", "passed"),
    [
        (0.996, 0.996, True),
        (0.9959999, 0.9972, False),
        (0.9967, 0.9959999, False),
        (float("nan"), 0.9972, False),
        (0.9967, float("nan"), False),
    ],
)
def test_both_thresholds_have_to_hold(train, test, passed):
    assert replace(REPORT, metrics={"train_r2": train, "test_r2": test}).passed is passed


def test_json_is_one_line_with_the_keys_that_programs_read():
    line = REPORT.as_json()

    assert "\n" not in line
    members = json.loads(line)
    assert members["target"] == "local"
    assert members["image"] == "harness-gam:0123456789ab"
    assert members["metrics"] == {"train:r2": 0.99672, "test:r2": 0.99717, **METRICS}
    assert members["thresholds"] == {
        "train_r2": {"min": 0.996, "published": 0.9967},
        "test_r2": {"min": 0.996, "published": 0.9972},
    }
    assert members["passed"] is True
    assert set(members["seconds"]) == {"build", "train", "deploy", "predict", "total"}
    assert set(members) == {
        "target", "region", "run", "image", "seconds", "training_job", "model_data", "endpoint",
        "metrics", "thresholds", "local", "output", "model", "report", "error", "passed",
    }  # fmt: skip


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_nan(value):
    report = replace(
        REPORT, metrics={"test_r2": value}, local=Comparison({"test_r2": value}, math.inf)
    )

    members = json.loads(report.as_json(), parse_constant=pytest.fail)

    assert members["metrics"] == {"test_r2": None}
    assert members["local"] == {"metrics": {"test_r2": None}, "difference": None}
    assert members["passed"] is False


README = """\
run       harness-20261122-170312-3f9a01
target    local (us-east-1)
image     harness-gam:0123456789ab
model     /p/build/runs/harness-20261122-170312-3f9a01/model.tar.gz

step            build      train     deploy    predict      total
seconds          0.00       2.10       1.90       0.02       5.13

R²            reached  threshold  published
train         0.99672      0.996     0.9967
test          0.99717      0.996     0.9972

PASS"""


def test_the_table_is_what_readme_shows():
    assert REPORT.as_table() == README


def test_the_table_shows_scores_thresholds_published_values_and_times():
    table = REPORT.as_table()

    assert "\033" not in table
    assert lines(REPORT, "train") == [["train", "0.99672", "0.996", "0.9967"]]
    assert lines(REPORT, "seconds") == [["seconds", "0.00", "2.10", "1.90", "0.02", "5.13"]]
    assert table.endswith("PASS")


def test_the_model_is_shown_as_seen_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    here = replace(REPORT, model=str(tmp_path / "build/model.tar.gz"))
    assert lines(here, "model") == [["model", "build/model.tar.gz"]]
    assert lines(replace(REPORT, model=""), "model") == [["model", REPORT.model_data]]
    assert lines(replace(REPORT, model="", model_data=""), "model") == []


def test_the_table_says_which_threshold_was_missed():
    table = replace(
        REPORT, thresholds={**REPORT.thresholds, "test_r2": Threshold(min=0.998)}
    ).as_table()

    below = [line.split()[0] for line in table.splitlines() if "below the threshold" in line]
    assert below == ["test"]
    assert table.endswith("FAIL")


@pytest.mark.parametrize(
    ("threshold", "reached", "words"),
    [
        (Threshold(min=0.9), 0.95, ["0.95000", "0.9"]),
        (Threshold(min=0.9), 0.85, ["0.85000", "0.9", "below", "the", "threshold"]),
        (Threshold(max=3), 2.5, ["2.50000", "≤", "3"]),
        (Threshold(max=3), 3.5, ["3.50000", "≤", "3", "above", "the", "threshold"]),
        (Threshold(min=1, max=3), 2, ["2.00000", "1", "to", "3"]),
        (Threshold(min=1, max=3), 4, ["4.00000", "1", "to", "3", "above", "the", "threshold"]),
        (Threshold(min=1, max=3), 0, ["0.00000", "1", "to", "3", "below", "the", "threshold"]),
        (Threshold(max=3), math.nan, ["nan", "≤", "3", "not", "measured"]),
        (Threshold(published=0.5), 0.25, ["0.25000", "0.5000"]),
    ],
)
def test_bounds_of_any_metric(threshold, reached, words):
    report = replace(REPORT, scores={}, metrics={"loss": reached}, thresholds={"loss": threshold})

    assert lines(report, "loss") == [["loss", *words]]
    assert report.passed is threshold.holds(reached)


def test_a_metric_that_is_not_there_is_a_failure():
    report = replace(REPORT, scores={}, metrics={}, thresholds={"mine": Threshold(min=0)})

    assert lines(report, "mine") == [["mine", "nan", "0", "not", "measured"]]
    assert not report.passed


def test_one_set_of_requests_has_no_name():
    report = replace(
        REPORT,
        metrics={"accuracy": 0.5},
        scores={"accuracy": {"": "accuracy"}},
        thresholds={"accuracy": Threshold(min=0.25)},
    )

    assert lines(report, "accuracy", "all") == [
        ["accuracy", "reached", "threshold"],
        ["all", "0.50000", "0.25"],
    ]


def test_each_score_has_a_table_and_all_else_has_one():
    report = replace(
        REPORT,
        metrics={"a_r2": 0.5, "b_r2": 0.25, "a_f1": 1.0, "b_f1": 0.0, "own": 7.0, "loss": 2.0},
        scores={"r2": {"a": "a_r2", "b": "b_r2"}, "f1": {"a": "a_f1", "b": "b_f1"}},
        thresholds={"loss": Threshold(max=3), "b_f1": Threshold(min=-1)},
    )

    parts = report.as_table().split("\n\n")

    assert [part.splitlines()[0].split()[0] for part in parts] == [
        "run", "step", "R²", "f1", "metric", "PASS"
    ]  # fmt: skip
    assert [line.split() for line in parts[2].splitlines()] == [
        ["R²", "reached"], ["a", "0.50000"], ["b", "0.25000"]
    ]  # fmt: skip
    assert [line.split() for line in parts[3].splitlines()] == [
        ["f1", "reached", "threshold"], ["a", "1.00000"], ["b", "0.00000", "-1"]
    ]  # fmt: skip
    assert [line.split() for line in parts[4].splitlines()] == [
        ["metric", "reached", "threshold"], ["loss", "2.00000", "≤", "3"]
    ]  # fmt: skip


def test_without_scores_all_metrics_are_shown():
    report = replace(
        REPORT, scores={}, thresholds={}, metrics={"a_metric_of_a_long_name": 1.5, "b": 2.0}
    )

    (table,) = (part for part in report.as_table().split("\n\n") if part.startswith("metric"))
    head, first, second = table.splitlines()
    assert (first.split(), second.split()) == (
        ["a_metric_of_a_long_name", "1.50000"],
        ["b", "2.00000"],
    )
    assert len(head) == len(first) == len(second)


def test_a_run_that_came_to_no_end_has_not_passed():
    assert REPORT.passed
    assert not replace(REPORT, error="training job x is Failed.").passed


def test_a_run_that_measured_nothing_passes():
    report = replace(REPORT, scores={}, metrics={}, thresholds={})

    assert report.passed
    assert report.as_table().split("\n\n")[2:] == ["PASS"]


def test_colours_on_request_only():
    assert REPORT.as_table(colour=True).endswith("\033[32mPASS\033[0m")
    failed = replace(REPORT, metrics={"train_r2": 0.5, "test_r2": 1.0}).as_table(colour=True)
    assert "\033[31m  below the threshold\033[0m" in failed
    assert failed.endswith("\033[31mFAIL\033[0m")


@pytest.mark.parametrize(
    ("difference", "passed"), [(0.0, True), (1e-9, True), (1.1e-9, False), (float("nan"), False)]
)
def test_the_local_predictions_have_to_be_the_same(difference, passed):
    compared = replace(REPORT, local=Comparison(METRICS, difference))

    assert compared.passed is passed
    assert ("above 1e-09" in compared.as_table()) is not passed
    assert json.loads(compared.as_json())["local"]["metrics"] == METRICS
    assert lines(compared, "local") == [["local", "train", "R²", "test", "R²", "difference"]]
