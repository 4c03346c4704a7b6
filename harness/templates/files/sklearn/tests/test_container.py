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
    assert model.metrics["test:accuracy"] > 0.85


def test_every_row_gets_a_label(served):
    labels = served.predict([[150, 70, 13, 7], [350, 90, 10, 9]])
    assert labels.shape == (2,)
    assert set(labels) <= {"apple", "pear", "quince"}


@pytest.mark.parametrize("body", ["weight,diameter\n", "1,2\n", "1,2,3,nan\n"])
def test_a_body_that_makes_no_sense_is_the_callers_fault(served, body):
    with pytest.raises(Exception, match="400"):
        served.invoke(body)


def test_a_batch_is_answered_line_by_line(transform_job, model):
    job = transform_job(model)
    assert len(job.output["unlabelled.csv.out"].split()) == 40
