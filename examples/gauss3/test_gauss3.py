"""The GAM's container on NIST's Gauss3 data, on the local AWS or on AWS (--harness-target=aws)."""

import numpy as np
import pytest

from examples.gauss3.gauss3 import split


@pytest.fixture(scope="session")
def job(training_job):
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, job):
    return endpoint(job)


def test_r_squared_is_the_published_one(job):
    assert job.metrics["train:r2"] == pytest.approx(0.9967, abs=5e-4)
    assert job.metrics["test:r2"] == pytest.approx(0.9972, abs=5e-4)


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/x-npy"])
def test_predictions_follow_the_data(served, content_type):
    data = split()
    predicted = served.predict(data.x_test, content_type=content_type)
    assert predicted.shape == data.y_test.shape
    assert np.corrcoef(predicted, data.y_test)[0, 1] > 0.998


def test_a_body_that_makes_no_sense_is_the_callers_fault(served):
    with pytest.raises(Exception, match="400") as refusal:
        served.invoke("no,numbers\n")
    assert refusal.value.response["OriginalStatusCode"] == 400
