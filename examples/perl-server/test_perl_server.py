"""The container as SageMaker uses it. The fixtures are sagemaker-harness's."""

import pytest


@pytest.fixture(scope="session")
def model(training_job):
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, model):
    return endpoint(model)


def test_the_model_is_the_one_of_the_data(model):
    values = [float(value) for value in model.model["coefficients.csv"].split(b",")]
    assert values == pytest.approx([3, 0.22, 0.9, 0.6], abs=0.5)


def test_each_row_has_an_answer(served):
    near, far = served.predict([[50.0, 10, 0], [300.0, 10, 0]])
    assert far - near == pytest.approx(250 * 0.22, rel=0.05)


@pytest.mark.parametrize("body", ["", "km,load,wind\n", "1,2\n", "1,2,nan\n", "1,2,1e999\n"])
def test_a_body_that_makes_no_sense_is_the_callers_fault(served, body):
    with pytest.raises(Exception, match="400"):
        served.invoke(body)


def test_a_job_that_fails_says_why(training_job):
    job = training_job(channels={"train": {"x.csv": "1,2\na,b\n"}}, check=False)
    assert job.status == "Failed"
    assert "x.csv, line 2: there is something that is no number" in job.failure_reason
