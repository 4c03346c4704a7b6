"""What a run shows."""

import json
from dataclasses import replace

import pytest

from harness.flow.report import R2, Comparison, Report

REPORT = Report(
    target="local",
    region="us-east-1",
    run="harness-20261122-170312-3f9a01",
    image="harness-gam:0123456789ab",
    training_job="harness-20261122-170312-3f9a01",
    model_data="s3://harness-local/harness/run/output/model.tar.gz",
    endpoint="harness-20261122-170312-3f9a01",
    r2=R2(0.99672, 0.99717),
    thresholds=R2(0.996, 0.996),
    seconds={"build": 0.0, "train": 2.1, "deploy": 1.9, "predict": 0.02, "total": 5.13},
)


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
    assert replace(REPORT, r2=R2(train, test)).passed is passed


def test_json_is_one_line_with_the_keys_that_programs_read():
    line = REPORT.as_json()

    assert "\n" not in line
    members = json.loads(line)
    assert members["target"] == "local"
    assert members["image"] == "harness-gam:0123456789ab"
    assert members["r2"] == {"train": 0.99672, "test": 0.99717}
    assert members["thresholds"] == {"train": 0.996, "test": 0.996}
    assert members["passed"] is True
    assert set(members["seconds"]) == {"build", "train", "deploy", "predict", "total"}
    assert {"training_job", "endpoint", "run", "published", "model_data"} <= set(members)


def test_the_table_shows_scores_thresholds_published_values_and_times():
    table = REPORT.as_table()

    assert "\033" not in table
    train = next(line for line in table.splitlines() if line.startswith("train"))
    assert train.split() == ["train", "0.99672", "0.996", "0.9967"]
    seconds = next(line for line in table.splitlines() if line.startswith("seconds"))
    assert seconds.split() == ["seconds", "0.00", "2.10", "1.90", "0.02", "5.13"]
    assert table.endswith("PASS")


def test_the_table_says_which_threshold_was_missed():
    table = replace(REPORT, thresholds=R2(0.996, 0.998)).as_table()

    below = [line.split()[0] for line in table.splitlines() if "below the threshold" in line]
    assert below == ["test"]
    assert table.endswith("FAIL")


def test_colours_on_request_only():
    assert REPORT.as_table(colour=True).endswith("\033[32mPASS\033[0m")


@pytest.mark.parametrize(
    ("difference", "passed"), [(0.0, True), (1e-9, True), (1.1e-9, False), (float("nan"), False)]
)
def test_the_local_predictions_have_to_be_the_same(difference, passed):
    compared = replace(REPORT, local=Comparison(R2(0.99672, 0.99717), difference))

    assert compared.passed is passed
    assert ("above 1e-09" in compared.as_table()) is not passed
    assert json.loads(compared.as_json())["local"]["r2"] == {"train": 0.99672, "test": 0.99717}
