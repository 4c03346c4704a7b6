"""A trial component and the job that it is of, across a state that is saved in between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from harness.local.core.documents import plain, value_of
from harness.local.core.store import Resource, Store
from harness.local.experiments import following
from harness.local.experiments.components import TrialComponent
from harness.local.experiments.metrics import Point
from harness.local.lineage.entity import settle
from harness.local.protocol.messages import RequestContext

CONTEXT = RequestContext("sagemaker", "Create", "us-east-1", "123456789012", "r")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Job(Resource):
    """As a training job describes itself."""

    noun = "TrainingJob"

    def __init__(self) -> None:
        self.arn = CONTEXT.arn("training-job/job")
        self.status = "InProgress"

    def describe(self) -> dict[str, Any]:
        return {
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.status,
            "FailureReason": "cut off" if self.status == "Failed" else None,
            "HyperParameters": {"a": "1e3", "b": "1_000", "c": "inf", "d": "-.5", "e": "0x1"},
            "AlgorithmSpecification": {"TrainingImage": "image:1"},
            "ResourceConfig": {
                "InstanceGroups": [
                    {"InstanceType": "ml.m5.large", "InstanceCount": 2},
                    {"InstanceType": "ml.c5.large", "InstanceCount": 1},
                ]
            },
            "TrainingStartTime": START,
        }


@pytest.fixture
def store():
    return Store()


def begin(store: Store) -> tuple[Job, TrialComponent]:
    job = Job()
    request = {"TrainingJobName": "job"}
    component = following.follow(store, CONTEXT, "TrainingJob", job.arn, request)
    store.table("training-job").add(job)
    settle(store)
    return job, component


def test_it_follows_the_job_until_that_has_ended(store):
    job, component = begin(store)
    modified = component.modified
    settle(store)
    assert component.modified == modified  # nothing is new
    assert component.describe()["Status"]["PrimaryStatus"] == "InProgress"
    assert component.describe()["Parameters"] == {
        "a": {"NumberValue": 1000.0},
        "b": {"StringValue": "1_000"},
        "c": {"StringValue": "inf"},
        "d": {"NumberValue": -0.5},
        "e": {"StringValue": "0x1"},
        "SageMaker.ImageUri": {"StringValue": "image:1"},
        "SageMaker.InstanceCount": {"NumberValue": 3.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large, ml.c5.large"},
    }
    job.status = "Stopped"
    settle(store)
    assert component.modified > modified
    job.status = "InProgress"  # as no job does
    settle(store)
    assert component.describe()["Status"]["PrimaryStatus"] == "Stopped"


def test_one_that_was_saved_follows_on(store):
    job, component = begin(store)
    component.metrics.add("loss", Point(1.0, 2, 0.5), job.arn)
    component.update({"ParametersToRemove": ["a"], "Parameters": {"own": {"NumberValue": 1.0}}})
    saved = value_of(plain(component.saved()))

    later = Store()
    again = TrialComponent.restored(saved)
    later.table(TrialComponent.kind).add(again)
    assert again.describe() == component.describe()
    job.status = "Failed"
    later.table("training-job").add(job)
    settle(later)
    assert again.describe()["Status"] == {
        "PrimaryStatus": "Failed",
        "Message": "Status: Failed, secondary status: Failed, failure reason: cut off.",
    }
    assert set(again.describe()["Parameters"]) >= {"own", "b"}
    assert "a" not in again.describe()["Parameters"]
    assert again.metrics.points("loss") == [Point(1.0, 2, 0.5)]


def test_one_whose_job_is_gone_stays_as_it_was(store):
    job, component = begin(store)
    store.table("training-job").remove(job)
    settle(store)
    assert not component.follows
    assert component.describe()["StartTime"] == START
