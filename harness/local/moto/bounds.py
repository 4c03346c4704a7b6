"""Numbers for which moto makes as much as they say, refused above AWS's quotas."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DATAPOINTS = 100_800
"""Data points of an answer (`MaxDatapoints` of GetMetricData in CloudWatch's API reference)."""

MAX_INSTANCES = 1_000
"""EC2 instances of a request; an account's own quota is in processors."""

MAX_SHARDS = 500
"""Shards of a stream of Kinesis: the default of the smaller regions."""


def prepare(service: str) -> None:
    """Let moto's service have its bounds. May be called again."""
    if service in ("cloudwatch", "monitoring"):
        from moto.cloudwatch.models import CloudWatchBackend

        _check_first(CloudWatchBackend, "get_metric_data", _check_datapoints)
    # Other services start instances, too: autoscaling, Batch, EMR.
    if service in ("ec2", "autoscaling", "batch", "elasticmapreduce", "cloudformation"):
        from moto.ec2.models.instances import InstanceBackend

        _check_first(InstanceBackend, "run_instances", _check_instances)
    if service in ("kinesis", "cloudformation"):
        from moto.kinesis.models import Stream

        _check_first(Stream, "init_shards", _check_shards)
        _check_first(Stream, "update_shard_count", _check_shards)


def _check_first(class_: Any, name: str, check: Callable[..., None]) -> None:
    """Let `check` see what a method is called with, and refuse it."""
    method = getattr(class_, name)
    if hasattr(method, "harness_check"):
        return

    @functools.wraps(method)
    def checked(self: Any, *arguments: Any, **named: Any) -> Any:
        check(*arguments, **named)
        return method(self, *arguments, **named)

    checked.harness_check = check  # type: ignore[attr-defined]
    setattr(class_, name, checked)


def _check_datapoints(
    queries: list[dict[str, Any]], start_time: Any, end_time: Any, *_: Any, **__: Any
) -> None:
    from moto.cloudwatch.exceptions import ValidationError

    seconds = (end_time - start_time).total_seconds()
    points = 0
    for query in queries:
        stat = query.get("MetricStat")
        if stat is None:
            continue
        period = int(stat["Period"])
        if period < 1:
            raise ValidationError("The parameter Period must be greater than or equal to 1.")
        points += int(seconds) // period
    if points > MAX_DATAPOINTS:
        raise ValidationError(
            f"You have requested up to {points} datapoints, which exceeds the limit of "
            f"{MAX_DATAPOINTS}. Increase Period, or decrease the time range."
        )


def _check_instances(image_id: str, count: Any, *_: Any, **__: Any) -> None:  # noqa: ARG001
    from moto.ec2.exceptions import EC2ClientError

    if int(count) > MAX_INSTANCES:
        raise EC2ClientError(
            "InstanceLimitExceeded",
            f"You have requested more instances ({int(count)}) than your current instance limit "
            f"of {MAX_INSTANCES} allows for the specified instance type.",
        )


def _check_shards(count: Any) -> None:
    from moto.core.exceptions import JsonRESTError

    if int(count) > MAX_SHARDS:
        raise JsonRESTError(
            "LimitExceededException",
            f"This request would exceed the shard limit for the account. Limit: {MAX_SHARDS}. "
            f"Number of additional shards that would have resulted from this request: {count}.",
        )
