"""ListMetrics, of metrics that have several dimensions and several values."""

from __future__ import annotations

from typing import Any


def dimensions(**values: str) -> list[Any]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def test_a_metric_of_several_dimensions_is_told_once(aws: Any) -> None:
    cloudwatch = aws.session.client("cloudwatch")
    space = "test/metrics"
    for variant in ("a", "b"):
        for of in (
            dimensions(EndpointName="e", VariantName=variant),
            dimensions(VariantName=variant, EndpointName="e"),
        ):
            metric: Any = {"MetricName": "CPUUtilization", "Dimensions": of, "Value": 1.0}
            cloudwatch.put_metric_data(Namespace=space, MetricData=[metric, metric])
    found = cloudwatch.list_metrics(Namespace=space)["Metrics"]
    assert [each["Dimensions"] for each in found] == [
        dimensions(EndpointName="e", VariantName=variant) for variant in ("a", "b")
    ]
    one = cloudwatch.list_metrics(Namespace=space, Dimensions=dimensions(VariantName="a"))
    assert len(one["Metrics"]) == 1
