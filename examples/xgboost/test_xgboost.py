"""The container as SageMaker uses it. The fixtures are sagemaker-harness's."""

import pytest


@pytest.fixture(scope="session")
def model(training_job):
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, model):
    return endpoint(model)


def test_training_stops_when_validation_gets_no_better(model):
    assert model.metrics["best:trees"] < 480
    assert 1 < model.metrics["best:rmse"] < 1.5
    assert model.metrics["validation:rmse"] > model.metrics["best:rmse"]  # of the last tree


def test_a_value_may_be_missing(served):
    whole, missing = served.predict([[0.5] * 10, [0.5] * 9 + [""]])
    assert whole == pytest.approx(missing, abs=2)


@pytest.mark.parametrize("body", ["", "x1,x2\n", "1,2\n", "1,2,3,4,5,6,7,8,9,inf\n"])
def test_a_body_that_makes_no_sense_is_the_callers_fault(served, body):
    with pytest.raises(Exception, match="400"):
        served.invoke(body)
