"""SageMaker Metrics: values that are put, and their statistics."""

from __future__ import annotations

import math
import time

import pytest

from harness.local.experiments.metrics import MAX_METRICS, MAX_POINTS, Metrics, Point, Series
from tests.clients import failure

MINUTE = 60


@pytest.fixture
def metrics(aws):
    return aws.session.client("sagemaker-metrics")


@pytest.fixture
def component(aws, new):
    name = new("component")
    return name, aws.sagemaker.create_trial_component(TrialComponentName=name)["TrialComponentArn"]


def values(*numbers, name="loss", at=None):
    begin = at or time.time()
    return [
        {"MetricName": name, "Timestamp": begin + index, "Value": number, "Step": index // 2}
        for index, number in enumerate(numbers)
    ]


def query(metrics, arn, statistic, axis="IterationNumber", period="IterationNumber", **more):
    asked = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": statistic, "Period": period,
             "XAxisType": axis, **more}  # fmt: skip
    (found,) = metrics.batch_get_metrics(MetricQueries=[asked])["MetricQueryResults"]
    return found


def test_what_is_put_is_summarised_and_read_back(aws, metrics, component):
    name, arn = component
    put = metrics.batch_put_metrics(TrialComponentName=name, MetricData=values(4, 2, 1, 5))
    assert put["Errors"] == []
    (found,) = aws.sagemaker.describe_trial_component(TrialComponentName=name)["Metrics"]
    assert found.pop("TimeStamp")
    assert found == {
        "MetricName": "loss", "SourceArn": arn, "Max": 5.0, "Min": 1.0, "Last": 5.0, "Count": 4,
        "Avg": 3.0, "StdDev": math.sqrt(2.5),
    }  # fmt: skip
    expected = {
        "Min": [2.0, 1.0], "Max": [4.0, 5.0], "Avg": [3.0, 3.0], "Count": [2.0, 2.0],
        "StdDev": [1.0, 2.0], "Last": [2.0, 5.0],
    }  # fmt: skip
    for statistic, wanted in expected.items():
        found = query(metrics, arn, statistic)
        assert (found["Status"], found["XAxisValues"]) == ("Complete", [0, 1])
        assert found["MetricValues"] == wanted
    assert query(metrics, arn, "Max", Start=1)["MetricValues"] == [5.0]
    assert query(metrics, arn, "Max", End=0)["MetricValues"] == [4.0]


def test_values_are_grouped_by_periods_of_time(metrics, component):
    name, arn = component
    begin = time.time() // MINUTE * MINUTE - 600
    for minute, number in ((0, 1), (0, 3), (7, 5)):
        data = values(number, at=begin + minute * MINUTE)
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=data)
    found = query(metrics, arn, "Avg", "Timestamp", "OneMinute")
    assert found["XAxisValues"] == [begin, begin + 7 * MINUTE]
    assert found["MetricValues"] == [2.0, 5.0]


def test_what_cannot_be_put(metrics, component):
    name, _ = component
    now = time.time()
    data = [
        *values(1, at=now - 15 * 86_400), *values(1), *values(1, at=now + 3 * 3600)
    ]  # fmt: skip
    put = metrics.batch_put_metrics(TrialComponentName=name, MetricData=data)
    assert put["Errors"] == [
        {"Code": "VALIDATION_ERROR", "MetricIndex": 0},
        {"Code": "VALIDATION_ERROR", "MetricIndex": 2},
    ]
    put = metrics.batch_put_metrics(TrialComponentName="none", MetricData=values(1))
    assert put["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 0}]
    assert failure(
        metrics.batch_put_metrics, TrialComponentName=name, MetricData=values(*range(11))
    )[:2] == (400, "ValidationException")


def test_what_cannot_be_read(metrics, component):
    _, arn = component
    for found in (
        query(metrics, arn, "Max"),
        query(metrics, f"{arn}-none", "Max"),
        query(metrics, arn, "Max", "Timestamp"),
    ):
        assert found["Status"] == "ValidationError"
        assert found["Message"]


def test_only_so_much_is_kept():
    metrics = Metrics()
    assert all(metrics.add(f"m{n}", Point(n, None, n), "arn") for n in range(MAX_METRICS))
    assert not metrics.add("more", Point(0, None, 0), "arn")
    assert metrics.add("m0", Point(0, None, 0), "arn")
    series = Series("loss", "arn")
    for number in range(MAX_POINTS + 5):
        series.add(Point(number, number, number))
    assert len(series.points) == MAX_POINTS
    assert series.summary()["Count"] == MAX_POINTS + 5
    assert series.summary()["Min"] == 0
    again = Series.restored(series.saved())
    assert again.summary() == series.summary()


def test_values_whose_sums_and_squares_no_double_holds(aws, metrics, component):
    name, arn = component
    put = metrics.batch_put_metrics(
        TrialComponentName=name, MetricData=values(1e308, -1e308, 1e308)
    )
    assert put["Errors"] == []
    (found,) = aws.sagemaker.describe_trial_component(TrialComponentName=name)["Metrics"]
    assert (found["Max"], found["Min"], found["Count"]) == (1e308, -1e308, 3)
    assert found["Avg"] == pytest.approx(1e308 / 3)
    assert "StdDev" not in found
    assert query(metrics, arn, "StdDev")["MetricValues"] == [1e308, 0.0]
    assert query(metrics, arn, "Avg")["MetricValues"] == [0.0, 1e308]
    condition = {"Name": "Metrics.loss.StdDev", "Operator": "Exists"}
    metric = {"Name": "TrialComponentName", "Value": name}
    answer = aws.sagemaker.search(
        Resource="ExperimentTrialComponent", SearchExpression={"Filters": [condition, metric]}
    )
    assert answer["Results"] == []
