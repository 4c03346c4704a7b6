"""The image as SageMaker uses it. The fixtures are sagemaker-harness's."""

import pytest

ROWS = [[1.0, 2, 0], [18.0, 2, 0]]  # replace them by what the model is asked


@pytest.fixture(scope="session")
def model(training_job):
    """The training job of harness.toml, once for all tests."""
    return training_job()


@pytest.fixture(scope="session")
def served(endpoint, model):
    return endpoint(model)


def test_training_leaves_a_model(model):
    assert model.status == "Completed"


def test_every_row_has_an_answer(served):
    assert len(served.predict(ROWS)) == len(ROWS)
