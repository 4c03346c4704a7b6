"""Numbers for which moto would make as much as they say."""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MOST = 2**31 - 1


def metric_data(period, end):
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": period, "Stat": "Sum"}
    return {
        "StartTime": 0,
        "EndTime": end,
        "MetricDataQueries": [{"Id": "a", "MetricStat": stat}],
    }


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code"),
    [
        ("cloudwatch", "get_metric_data", metric_data(1, 2_000_000_000), "ValidationError"),
        ("cloudwatch", "get_metric_data", metric_data(0, 60), "ValidationError"),
        (
            "ec2", "run_instances",
            {"ImageId": "ami-12345678", "MinCount": MOST, "MaxCount": MOST},
            "InstanceLimitExceeded",
        ),
        (
            "kinesis", "create_stream",
            {"StreamName": "s", "ShardCount": MOST},
            "LimitExceededException",
        ),
    ],
    ids=["data points", "a period of 0", "instances", "shards"],
)  # fmt: skip
def test_they_are_refused(aws, service, operation, request_, code):
    config = Config(parameter_validation=False, read_timeout=20, retries={"total_max_attempts": 1})
    client = aws.session.client(service, config=config)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**request_)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_usual_ones_are_taken(aws):
    kinesis = aws.session.client("kinesis")
    kinesis.create_stream(StreamName="usual", ShardCount=2)
    kinesis.update_shard_count(
        StreamName="usual", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    found = aws.session.client("cloudwatch").get_metric_data(**metric_data(60, 6000))
    assert found["MetricDataResults"][0]["Values"] == []
