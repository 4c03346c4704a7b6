"""The GAM's container as SageMaker uses it. The fixtures are sagemaker-harness's."""

from pathlib import Path

import numpy as np
import pytest

ROWS = np.loadtxt(Path(__file__).parents[1] / "data" / "gauss3.csv", delimiter=",")


@pytest.fixture(scope="session")
def model(training_job):
    """The training job of harness.toml, once for all tests."""
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, model):
    return endpoint(model)


def test_r_squared_is_the_published_one(model):
    assert model.metrics["train:r2"] == pytest.approx(0.9967, abs=5e-4)
    assert model.metrics["test:r2"] == pytest.approx(0.9972, abs=5e-4)


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/x-npy"])
def test_predictions_follow_the_data(served, content_type):
    predicted = served.predict(ROWS[:, :1], content_type=content_type)
    assert np.corrcoef(predicted, ROWS[:, 1])[0, 1] > 0.998


def test_a_body_that_makes_no_sense_is_the_callers_fault(served):
    with pytest.raises(Exception, match="400"):
        served.invoke("no,numbers\n")
