"""What runs create is removed, and what can't be is named; on a server told what to answer."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from harness.errors import FlowError
from harness.flow.ledger import Entry, Ledger
from harness.flow.teardown import Patience, TearDown, remove
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.protocol.errors import AwsError

PATIENCE = Patience(seconds=30, poll=0.01)


class Scripted:
    """SageMaker's deletions: each notes its request, and refuses as often as it is told to."""

    def __init__(self):
        self.requests = {}
        self.refusals = {}
        self.statuses = ["InProgress"]

    def _note(self, operation, request):
        self.requests.setdefault(operation, []).append(request)
        if refusals := self.refusals.get(operation):
            raise AwsError("ValidationException", refusals.pop(0))

    def describe_training_job(self, context, request):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"TrainingJobName": request["TrainingJobName"], "TrainingJobStatus": status}

    def stop_training_job(self, context, request):
        self._note("stop_training_job", request)

    def delete_model(self, context, request):
        self._note("delete_model", request)

    def delete_endpoint_config(self, context, request):
        self._note("delete_endpoint_config", request)

    def delete_endpoint(self, context, request):
        self._note("delete_endpoint", request)


@pytest.fixture(scope="module")
def server():
    scripted = Scripted()
    with LocalAWS(providers={"sagemaker": [scripted]}) as server:
        yield scripted, local_boto_session(server.url, "us-east-1")


@pytest.fixture
def sagemaker(server):
    server[0].__init__()
    return server[0]


@pytest.fixture
def boto(server):
    return server[1]


@pytest.fixture
def shown():
    return []


@pytest.fixture
def tear_down(boto, sagemaker, shown):
    return TearDown(boto, Ledger(), shown.append, PATIENCE)


def test_the_last_created_goes_first(tear_down, sagemaker):
    with tear_down:
        for kind in ("model", "endpoint config", "endpoint"):
            tear_down.add(kind, "a")

    assert list(sagemaker.requests) == ["delete_endpoint", "delete_endpoint_config", "delete_model"]


def test_what_was_not_created_need_not_be_deleted(tear_down, sagemaker):
    sagemaker.refusals = {
        "delete_model": ['Could not find model "arn:aws:sagemaker:us-east-1:1:model/a".'],
        "delete_endpoint": ["Requested resource not found."],
    }

    with tear_down:
        tear_down.add("model", "a")
        tear_down.add("endpoint", "a")
        tear_down.add("objects", "s3://no-such-bucket/a/")
        tear_down.add("scalable target", "endpoint/a/variant/AllTraffic")

    assert {"delete_endpoint", "delete_model"} == set(sagemaker.requests)


def test_what_is_to_stay_stays(tear_down, sagemaker):
    with tear_down:
        tear_down.add("model", "a")
        tear_down.forget()

    assert not sagemaker.requests


def test_an_endpoint_in_creation_is_deleted_as_soon_as_aws_allows(boto, sagemaker):
    refusal = "Cannot update in-progress endpoint"
    sagemaker.refusals = {"delete_endpoint": [refusal, refusal]}

    remove(boto, Entry("endpoint", "a"), PATIENCE)

    assert len(sagemaker.requests["delete_endpoint"]) == 3


def test_an_endpoint_that_stays_in_creation_is_reported(boto, sagemaker):
    sagemaker.refusals = {"delete_endpoint": ["Cannot update in-progress endpoint"] * 1000}

    with pytest.raises(ClientError, match="in-progress"):
        remove(boto, Entry("endpoint", "a"), Patience(seconds=0.1, poll=0.01))


def test_a_training_job_is_stopped_and_its_end_waited_for(boto, sagemaker):
    sagemaker.statuses = ["InProgress", "Stopping", "Stopping", "Stopped"]

    remove(boto, Entry("training job", "a"), PATIENCE)

    assert sagemaker.requests["stop_training_job"] == [{"TrainingJobName": "a"}]
    assert sagemaker.statuses == ["Stopped"]


def test_a_training_job_that_has_ended_is_left_alone(boto, sagemaker):
    sagemaker.statuses = ["Completed"]

    remove(boto, Entry("training job", "a"), PATIENCE)

    assert not sagemaker.requests


def test_a_training_job_that_ends_just_before_it_is_stopped(boto, sagemaker):
    sagemaker.statuses = ["InProgress", "Completed"]
    sagemaker.refusals = {
        "stop_training_job": [
            "The request was rejected because the training job is in status Completed."
        ]
    }

    remove(boto, Entry("training job", "a"), PATIENCE)


def test_a_training_job_that_does_not_stop_is_reported(boto, sagemaker):
    with pytest.raises(FlowError, match="training job a is still InProgress"):
        remove(boto, Entry("training job", "a"), Patience(seconds=0.1, poll=0.01))


def test_nobody_waits_for_a_training_job_that_ends_with_its_local_aws(boto, sagemaker):
    remove(boto, Entry("training job", "a"), PATIENCE._replace(ephemeral=True))

    assert sagemaker.requests["stop_training_job"] == [{"TrainingJobName": "a"}]


def test_objects_are_deleted_below_the_prefix_and_nowhere_else(boto):
    s3 = boto.client("s3")
    s3.create_bucket(Bucket="bucket")
    for key in ("run/a", "run/b/c", "run2/a"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"")

    remove(boto, Entry("objects", "s3://bucket/run/"), PATIENCE)

    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["run2/a"]


def test_what_cannot_be_torn_down_is_named_and_the_rest_is_torn_down(tear_down, sagemaker):
    sagemaker.refusals = {"delete_endpoint": ["Not today"]}
    tear_down.add("model", "a")
    tear_down.add("endpoint", "a")

    left = pytest.raises(FlowError, match=r"could not be torn down: endpoint a \(.*Not today\)")
    with left, tear_down:
        pass

    assert sagemaker.requests["delete_model"] == [{"ModelName": "a"}]


@pytest.mark.parametrize("reason", [FlowError("the step failed"), KeyboardInterrupt()])
def test_what_failed_first_stays_the_error(tear_down, sagemaker, shown, reason):
    sagemaker.refusals = {"delete_endpoint": ["Not today"]}
    tear_down.add("endpoint", "a")

    with pytest.raises(type(reason)) as raised, tear_down:
        raise reason

    assert raised.value is reason
    assert "could not be torn down: endpoint a" in shown[-1]
