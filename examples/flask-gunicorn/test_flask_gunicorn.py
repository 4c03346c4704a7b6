"""The container as SageMaker uses it. The fixtures are sagemaker-harness's."""

import json

import pytest

MORNING = {"hour": 8, "temperature": 18, "humidity": 50, "wind": 5, "workday": 1}


@pytest.fixture(scope="session")
def served(endpoint, training_job):
    return endpoint(training_job())


def ask(served, *rows):
    return served.invoke(json.dumps({"instances": rows}), "application/json").array()


def test_the_morning_of_a_workday_is_when_bikes_are_rented(served):
    workday, sunday, night = ask(served, MORNING, MORNING | {"workday": 0}, MORNING | {"hour": 3})
    assert workday > 2 * sunday > 2 * night


@pytest.mark.parametrize(
    "body", ["", "{}", '{"instances": []}', '{"instances": [{"hour": 8}, 1]}', "[" * 9999]
)
def test_a_body_that_makes_no_sense_is_the_callers_fault(served, body):
    with pytest.raises(Exception, match="400"):
        served.invoke(body, "application/json")


def test_a_job_without_data_says_why_it_failed(training_job):
    job = training_job(channels={"train": {"notes.txt": "no rows"}}, check=False)
    assert "no csv file" in job.failure_reason
