"""Filters, orders and pages of the List operations, most of them through boto3."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from harness.local.protocol.errors import AwsError
from harness.local.protocol.paging import page

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def models(aws):
    """Four models, in the order in which they were created."""
    names = ["listed-b", "listed-d", "listed-A", "listed-c"]
    for name in names:
        aws.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image"}
        )
    return names


def listed(aws, **request):
    return [model["ModelName"] for model in aws.sagemaker.list_models(**request)["Models"]]


class TestOverHTTP:
    def test_models_come_newest_first(self, aws, models):
        assert listed(aws) == models[::-1]

    @pytest.mark.parametrize(
        ("request_", "expected"),
        [
            ({"SortOrder": "Ascending"}, ["listed-b", "listed-d", "listed-A", "listed-c"]),
            ({"SortBy": "Name", "SortOrder": "Ascending"},
             ["listed-A", "listed-b", "listed-c", "listed-d"]),
            ({"SortBy": "Name"}, ["listed-d", "listed-c", "listed-b", "listed-A"]),
            ({"NameContains": "-c"}, ["listed-c"]),
            ({"NameContains": "nothing"}, []),
        ],
    )  # fmt: skip
    def test_orders_and_names(self, aws, models, request_, expected):
        assert listed(aws, **request_) == expected

    def test_times_are_exclusive_bounds(self, aws, models):
        created = [
            model["CreationTime"]
            for model in aws.sagemaker.list_models(SortOrder="Ascending")["Models"]
        ]
        assert listed(aws, CreationTimeAfter=created[-1] + timedelta(seconds=1)) == []
        assert listed(aws, CreationTimeBefore=created[0] - timedelta(seconds=1)) == []
        hour = timedelta(hours=1)
        assert len(listed(aws, CreationTimeAfter=created[0] - hour,
                          CreationTimeBefore=created[-1] + hour)) == 4  # fmt: skip

    def test_pages_are_whole_and_end(self, aws, models):
        pages = aws.sagemaker.get_paginator("list_models").paginate(
            SortOrder="Ascending", PaginationConfig={"PageSize": 3}
        )
        assert [[model["ModelName"] for model in each["Models"]] for each in pages] == [
            models[:3],
            models[3:],
        ]

    def test_the_last_page_has_no_token(self, aws, models):
        assert "NextToken" not in aws.sagemaker.list_models(MaxResults=4)
        assert "NextToken" in aws.sagemaker.list_models(MaxResults=3)

    @pytest.mark.parametrize(
        "token",
        [
            "nonsense",
            "ünïcode",
            base64.urlsafe_b64encode(b'{"start": -1}').decode(),
            base64.urlsafe_b64encode(b"[1]").decode(),
            base64.urlsafe_b64encode(b"[" * 5000).decode(),
        ],
    )
    def test_a_token_that_was_not_given_out_is_refused(self, aws, token):
        with pytest.raises(ClientError) as refused:
            aws.sagemaker.list_models(NextToken=token)
        assert refused.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": "Invalid NextToken: it is not one that was given out.",
        }

    def test_endpoint_configs_come_in_tens(self, aws, models):
        for number in range(11):
            aws.sagemaker.create_endpoint_config(
                EndpointConfigName=f"config-{number:02}",
                ProductionVariants=[{"VariantName": "v", "ModelName": models[0]}],
            )
        first = aws.sagemaker.list_endpoint_configs()
        assert [each["EndpointConfigName"] for each in first["EndpointConfigs"]] == [
            f"config-{number:02}" for number in range(10, 0, -1)
        ]
        second = aws.sagemaker.list_endpoint_configs(NextToken=first["NextToken"])
        assert [each["EndpointConfigName"] for each in second["EndpointConfigs"]] == ["config-00"]

    def test_another_region_has_its_own(self, aws, models):
        elsewhere = aws.session.client("sagemaker", region_name="eu-west-1")
        assert elsewhere.list_models()["Models"] == []


def jobs(*statuses):
    """Summaries of training jobs that were created a minute apart and changed an hour later."""
    return [
        {
            "TrainingJobName": f"job-{number}",
            "TrainingJobStatus": status,
            "CreationTime": START + timedelta(minutes=number),
            "LastModifiedTime": START + timedelta(minutes=number, hours=1),
        }
        for number, status in enumerate(statuses)
    ]


def names(summaries, **request):
    response = page(summaries, request, member="Jobs", noun="TrainingJob", descending=False)
    return [summary["TrainingJobName"] for summary in response["Jobs"]]


class TestStatusesAndTimes:
    def test_a_status(self):
        found = names(jobs("Failed", "Completed", "Failed"), StatusEquals="Failed")
        assert found == ["job-0", "job-2"]

    def test_by_status_then_by_name(self):
        found = names(
            jobs("Stopped", "Completed", "Stopped"), SortBy="Status", SortOrder="Descending"
        )
        assert found == ["job-2", "job-0", "job-1"]

    def test_a_bound_itself_is_outside(self):
        found = names(
            jobs("Failed", "Failed", "Failed"),
            CreationTimeAfter=START,
            CreationTimeBefore=START + timedelta(minutes=2),
        )
        assert found == ["job-1"]

    def test_times_of_the_last_change(self):
        hour = timedelta(hours=1)
        found = names(
            jobs("Failed", "Failed", "Failed"),
            LastModifiedTimeAfter=START + hour,
            LastModifiedTimeBefore=START + hour + timedelta(minutes=2),
        )
        assert found == ["job-1"]

    def test_a_page_of_a_hundred_unless_asked(self):
        assert len(names(jobs(*["Failed"] * 101))) == 100

    def test_a_token_beyond_the_end_is_an_empty_page(self):
        token = base64.urlsafe_b64encode(b'{"start": 7}').decode()
        assert names(jobs("Failed"), NextToken=token) == []

    def test_a_bad_token(self):
        with pytest.raises(AwsError, match="Invalid NextToken"):
            names(jobs("Failed"), NextToken="e30=")
