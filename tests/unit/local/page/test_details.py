"""Which of CloudWatch's metrics a resource's page shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from harness.local.page import details
from harness.local.page.parts.kinds import KINDS

NAMESPACE = "/aws/sagemaker/Endpoints"
ENDPOINT = {
    "EndpointName": "e",
    "ProductionVariants": [{"VariantName": "a"}, {"VariantName": "b"}],
}


class CloudWatch:
    """Has one metric of each variant, with a value just now."""

    def __init__(self) -> None:
        self.starts: list[datetime] = []

    def list_metrics(self, **asked: Any) -> dict[str, Any]:
        assert asked["Namespace"] == NAMESPACE
        assert [each["Name"] for each in asked["Dimensions"]] == ["EndpointName", "VariantName"]
        return {"Metrics": [{**asked, "MetricName": "CPUUtilization"}]}

    def get_metric_statistics(self, **asked: Any) -> dict[str, Any]:
        self.starts.append(asked["StartTime"])
        assert asked["Period"] == 1 or asked["Period"] % 60 == 0
        return {"Datapoints": [{"Timestamp": datetime.now(UTC), "Average": 2.0}]}


def metrics(age: timedelta) -> tuple[details.Metrics, CloudWatch]:
    cloudwatch = CloudWatch()
    found = {**ENDPOINT, "CreationTime": datetime.now(UTC) - age}
    return details.metrics(cloudwatch, KINDS["Endpoint"], found), cloudwatch


def test_an_endpoint_has_those_of_each_variant() -> None:
    found, _ = metrics(timedelta(minutes=1))
    assert [each.name for each in found.series] == ["CPUUtilization a", "CPUUtilization b"]
    assert found.span == "since it began"
    assert 59 < found.series[0].seconds[0] < 70


def test_of_an_old_endpoint_only_the_last_hours_are_shown() -> None:
    found, cloudwatch = metrics(timedelta(days=30))
    assert found.span == "of the last 3 hours"
    asked = datetime.now(UTC) - cloudwatch.starts[0]
    assert timedelta(hours=3) <= asked < timedelta(hours=3, minutes=1)


def test_one_that_is_being_created_has_none() -> None:
    found = {"EndpointName": "e", "CreationTime": datetime.now(UTC)}
    assert not details.metrics(CloudWatch(), KINDS["Endpoint"], found).series
