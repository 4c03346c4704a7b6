"""The script and its image as SageMaker uses them. The fixtures are sagemaker-harness's."""

import pytest


@pytest.fixture(scope="session")
def model(training_job):
    """The training job of harness.toml, once for all tests."""
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, model):
    return endpoint(model)


def test_the_job_says_how_good_its_model_is(model):
    assert model.metrics["train:auc"] > 0.75


def test_every_row_gets_a_probability(served):
    probabilities = served.predict([[2, 9, 80.0, 3], [60, 0, 20.0, 0]])
    assert probabilities.shape == (2,)
    assert 0 <= probabilities[1] < probabilities[0] <= 1


def test_a_body_that_makes_no_sense_is_the_callers_fault(served):
    with pytest.raises(Exception, match="400"):
        served.invoke("1,2\n")
