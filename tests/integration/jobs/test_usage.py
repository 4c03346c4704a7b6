"""The instance metrics of jobs: what their containers use, in CloudWatch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.support import AWS

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


@pytest.mark.slow
def test_processors_and_memory_of_a_running_job_are_in_cloudwatch(
    aws: AWS, create: Callable[..., str]
) -> None:
    name = create("until-sigterm")
    cloudwatch = aws.session.client("cloudwatch")
    dimension: Any = {"Name": "Host", "Value": f"{name}/algo-1"}

    def values(metric: str) -> list[float]:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="/aws/sagemaker/TrainingJobs", MetricName=metric, Dimensions=[dimension],
            StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1), Period=60,
            Statistics=["Maximum"],
        )  # fmt: skip
        return [each["Maximum"] for each in found["Datapoints"]]

    both = aws.wait_until(
        lambda: (
            (cpu, memory)
            if (cpu := values("CPUUtilization")) and (memory := values("MemoryUtilization"))
            else None
        ),
        "metrics of the container",
    )
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    aws.wait("training_job_completed_or_stopped", TrainingJobName=name)

    cpu, memory = both
    assert 0 <= max(cpu) < 100 * 64
    assert 0 < max(memory) < 100
