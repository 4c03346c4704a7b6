"""The instance metrics of endpoints: what their containers use, in CloudWatch."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


def test_processors_and_memory_are_in_cloudwatch_until_the_endpoint_is_gone(
    aws: AWS, names: Names, probe_image: str
) -> None:
    name = names.new("endpoint")
    aws.create_endpoint(name, container={"Image": probe_image})
    aws.wait("endpoint_in_service", EndpointName=name)
    variant = aws.sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0]
    cloudwatch = aws.session.client("cloudwatch")
    dimensions: Any = [
        {"Name": "EndpointName", "Value": name},
        {"Name": "VariantName", "Value": variant["VariantName"]},
    ]

    def values(metric: str) -> list[float]:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="/aws/sagemaker/Endpoints", MetricName=metric, Dimensions=dimensions,
            StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1), Period=60,
            Statistics=["Maximum"],
        )  # fmt: skip
        return [each["Maximum"] for each in found["Datapoints"]]

    aws.wait_until(lambda: values("CPUUtilization"), "metrics of the container")
    assert 0 <= max(values("CPUUtilization")) < 100 * 64
    assert 0 < max(values("MemoryUtilization")) < 100

    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.wait("endpoint_deleted", EndpointName=name)
    measuring = f"usage-{name}"
    aws.wait_until(
        lambda: all(each.name != measuring for each in threading.enumerate()), "its thread's end"
    )
