"""The container as SageMaker uses it. The fixtures are sagemaker-harness's."""

import pytest

BROWN, RED = [8.0, 8.0, "brown", "no"], [8.0, 9.5, "red", "yes"]


@pytest.fixture(scope="session")
def served(endpoint, training_job):
    return endpoint(training_job())


def ask(served, *rows):
    return served.predict(rows, content_type="application/json")


def test_each_row_has_a_probability_for_each_label(served):
    (brown_edible, _), (red_edible, red_poisonous) = ask(served, BROWN, RED)
    assert brown_edible > 0.8 > 0.2 > red_edible
    assert red_edible + red_poisonous == pytest.approx(1)


def test_a_colour_that_was_never_seen_is_no_error(served):
    assert ask(served, [8.0, 9.0, "violet", "yes"]).shape == (1, 2)


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "[[8, 9]]", '[[8, "nine", "red", "yes"]]', '[[8, NaN, "red", "yes"]]']
)
def test_a_body_that_makes_no_sense_is_the_callers_fault(served, body):
    with pytest.raises(Exception, match="400"):
        served.invoke(body, "application/json")


def test_a_job_without_labels_says_why_it_failed(training_job):
    job = training_job(channels={"train": {"x.csv": "colour,ring\nred,no\n"}}, check=False)
    assert "no column kind" in job.failure_reason
