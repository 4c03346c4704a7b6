"""The container as SageMaker uses it. The fixtures are sagemaker-harness's."""

import pytest


@pytest.fixture(scope="session")
def model(training_job):
    """The training job of harness.toml, once for all tests."""
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, model):
    return endpoint(model)


def test_the_job_says_how_good_its_model_is(model):
    assert model.metrics["train:r2"] > 0.8


def test_a_longer_way_takes_longer(served):
    near, far = served.predict([[1.0, 2, 0], [18.0, 2, 0]])
    assert far > near


@pytest.mark.parametrize("body", ["km,parcels,floor\n", "1,2\n", "1,2,nan\n"])
def test_a_body_that_makes_no_sense_is_the_callers_fault(served, body):
    with pytest.raises(Exception, match="400"):
        served.invoke(body)


def test_a_job_without_data_says_why_it_failed(training_job):
    job = training_job(channels={"train": {"notes.txt": "no rows"}}, check=False)
    assert job.status == "Failed"
    assert "no csv file" in job.failure_reason
