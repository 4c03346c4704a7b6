"""Filters, orders and pages of the List operations, most of them through boto3."""

import base64
from datetime import UTC, datetime, timedelta
from functools import partial

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
            "Message": "Invalid NextToken: it was not given out for a request of this operation "
            "with these filters and this order.",
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

    def test_a_bad_token(self):
        with pytest.raises(AwsError, match="Invalid NextToken"):
            names(jobs("Failed"), NextToken="e30=")

    def test_models_and_endpoints_are_from_a_time_on(self):
        summary = {"ModelName": "m", "CreationTime": START}
        request = {"CreationTimeAfter": START}
        found = page([summary], request, member="Models", noun="Model", descending=True)
        assert found["Models"] == [summary]

    def test_training_jobs_are_told_by_their_status_after_they_are_counted(self):
        """As ListTrainingJobs says in AWS's API reference."""
        listed = partial(page, member="TrainingJobSummaries", noun="TrainingJob", descending=False)
        summaries = jobs("Failed", "Completed", "Failed", "Failed")
        first = listed(summaries, {"StatusEquals": "Failed", "MaxResults": 2})
        assert [each["TrainingJobName"] for each in first["TrainingJobSummaries"]] == ["job-0"]
        second = listed(summaries, {"StatusEquals": "Failed", "NextToken": first["NextToken"]})
        assert [each["TrainingJobName"] for each in second["TrainingJobSummaries"]] == [
            "job-2",
            "job-3",
        ]


class TestPlaces:
    """What is created or deleted between two pages shifts nothing."""

    ORDERS = pytest.mark.parametrize("order", ["Ascending", "Descending"])
    KEYS = pytest.mark.parametrize("by", ["CreationTime", "Name", "Status"])

    @ORDERS
    @KEYS
    def test_a_job_that_comes_in_front_repeats_nothing(self, by, order):
        before = jobs("Completed", "Failed", "Failed", "Stopped")
        shown = self._pages(before[1:], before, SortBy=by, SortOrder=order)
        assert len(shown) == len(set(shown))
        assert {"job-1", "job-2", "job-3"} <= set(shown)

    @ORDERS
    @KEYS
    @pytest.mark.parametrize("gone", [0, 1, 2, 3])
    def test_a_job_that_goes_skips_no_other(self, by, order, gone):
        before = jobs("Completed", "Failed", "Failed", "Stopped")
        after = [*before[:gone], *before[gone + 1 :]]
        shown = self._pages(before, after, SortBy=by, SortOrder=order)
        assert len(shown) == len(set(shown))
        assert {each["TrainingJobName"] for each in after} <= set(shown)

    def test_a_place_among_jobs_of_one_moment(self):
        same = [{**each, "CreationTime": START} for each in jobs(*["Failed"] * 5)]
        assert self._pages(same, same) == [f"job-{number}" for number in range(5)]

    @pytest.mark.parametrize(
        "other",
        [
            {"SortOrder": "Descending"},
            {"SortBy": "Name"},
            {"NameContains": "job"},
            {"StatusEquals": "Failed"},
            {"CreationTimeAfter": START},
        ],
    )
    def test_a_token_of_other_filters_is_refused(self, other):
        token = self._listed(jobs("Failed", "Failed"), MaxResults=1)["NextToken"]
        with pytest.raises(AwsError, match="Invalid NextToken"):
            self._listed(jobs("Failed", "Failed"), NextToken=token, **other)

    def test_a_token_of_another_operation_is_refused(self):
        token = self._listed(jobs("Failed", "Failed"), MaxResults=1)["NextToken"]
        with pytest.raises(AwsError, match="Invalid NextToken"):
            page([], {"NextToken": token}, member="Models", noun="Model", descending=True)

    def test_a_token_is_refused_once_a_letter_has_changed(self):
        token = self._listed(jobs("Failed", "Failed"), MaxResults=1)["NextToken"]
        for at in range(len(token)):
            changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            with pytest.raises(AwsError, match="Invalid NextToken"):
                self._listed(jobs("Failed", "Failed"), NextToken=changed)

    def test_pages_may_be_of_another_size(self):
        token = self._listed(jobs(*["Failed"] * 4), MaxResults=1)["NextToken"]
        found = self._listed(jobs(*["Failed"] * 4), MaxResults=2, NextToken=token)["Jobs"]
        assert [each["TrainingJobName"] for each in found] == ["job-1", "job-2"]

    def _listed(self, summaries, **request):
        return page(summaries, request, member="Jobs", noun="TrainingJob", descending=False)

    def _pages(self, before, after, **request):
        """The names on a page of two of `before`, and on the further ones of `after`."""
        answer = self._listed(before, MaxResults=2, **request)
        found = [each["TrainingJobName"] for each in answer["Jobs"]]
        while token := answer.get("NextToken"):
            answer = self._listed(after, MaxResults=2, NextToken=token, **request)
            found += [each["TrainingJobName"] for each in answer["Jobs"]]
        return found
