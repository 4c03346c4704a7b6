"""Predict: requests that SageMaker takes, and arrays of what is answered."""

import numpy as np
import pytest

from harness.errors import FlowError
from harness.flow.project.payloads import MAX_BODY_BYTES, NPY, bodies
from harness.flow.project.requests import Body, RequestSet
from harness.flow.steps.predict import predict


def rows_of(x, content_type=NPY, *, limit=0):
    made = bodies(x, content_type, limit=limit)
    return RequestSet(
        "test", [Body(*each[:1], content_type, each[1]) for each in made], content_type
    )


def predict_rows(endpoint, x):
    (answers,) = predict(endpoint, [rows_of(x)])
    return answers.predictions


def test_predictions_come_back_in_order_in_bodies_that_sagemaker_takes(endpoint, sagemaker):
    x = np.arange(2_000_000.0).reshape(-1, 2)

    predicted = predict_rows(endpoint, x)

    np.testing.assert_array_equal(predicted, x[:, 0] * 2)
    assert len(sagemaker.bodies) == 3
    assert all(len(body) <= MAX_BODY_BYTES for body in sagemaker.bodies)


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: rows[:-1, 0],
        lambda rows: np.append(rows[:, 0], 1.0),
        lambda rows: np.full(len(rows), np.nan),
        lambda rows: np.full(len(rows), np.inf),
    ],
    ids=["a row too few", "a row too many", "nan", "infinity"],
)
def test_an_answer_that_is_not_one_for_each_row_is_an_error(endpoint, sagemaker, answer):
    sagemaker.answer = answer

    with pytest.raises(FlowError, match="predict_fn"):
        predict_rows(endpoint, np.ones((4, 2)))


def test_several_values_a_row_are_kept(endpoint, sagemaker):
    """Such as the probabilities of classes; scores say whether they can take them."""
    sagemaker.answer = lambda rows: rows

    np.testing.assert_array_equal(predict_rows(endpoint, np.ones((4, 2))), np.ones((4, 2)))
    np.testing.assert_array_equal(predict_rows(endpoint, np.ones((1, 2))), np.ones((1, 2)))


def test_answers_of_shapes_that_are_not_one_are_an_error(endpoint, sagemaker):
    sagemaker.answer = lambda rows: rows if len(rows) > 1 else rows[:, 0]

    with pytest.raises(
        FlowError, match=r"\(\(2, 2\), \(1,\)\); look at what answers POST /invocations"
    ):
        predict(endpoint, [rows_of(np.ones((3, 2)), limit=2)])


def test_an_answer_that_has_to_be_unpickled_is_refused(endpoint, sagemaker):
    sagemaker.answer = lambda rows: np.array([{}] * len(rows))

    with pytest.raises(FlowError, match="not an array of numbers"):
        predict_rows(endpoint, np.ones((4, 2)))


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("text/csv", b"1\n2\n3\n"),
        ("text/csv; charset=utf-8", b"1,2,3\n"),
        ("application/json", b"[1, 2, 3]"),
        ("application/json", b'{"predictions": [[1], [2], [3]]}'),
        ("application/jsonlines", b"1\n2\n3"),
    ],
)
def test_answers_may_be_of_another_type_than_was_asked_for(
    endpoint, sagemaker, content_type, answer
):
    sagemaker.raw = lambda body: (content_type, answer)

    (answers,) = predict(endpoint, [rows_of(np.ones((3, 1)))])

    assert answers.bodies == [answer]
    assert answers.predictions is not None
    assert answers.predictions.ravel().tolist() == [1.0, 2.0, 3.0]
    assert sagemaker.accepts == [(NPY, NPY)]


def test_one_row_may_be_answered_by_a_list_of_its_values(endpoint, sagemaker):
    sagemaker.raw = lambda body: ("application/json", b"[0.25, 0.75]")

    (answers,) = predict(endpoint, [rows_of(np.ones((2, 1)), limit=1)])

    assert answers.predictions is not None
    assert answers.predictions.tolist() == [[0.25, 0.75], [0.25, 0.75]]


def test_answers_of_another_content_type_are_bodies(endpoint, sagemaker):
    sagemaker.raw = lambda body: ("image/png", body + b"!")
    asked = RequestSet("", [Body(b"a", "image/jpeg"), Body(b"b", "image/jpeg")], "*/*")

    (answers,) = predict(endpoint, [asked])

    assert (answers.bodies, answers.predictions) == ([b"a!", b"b!"], None)
    assert sagemaker.accepts == [("image/jpeg", "*/*")] * 2


def test_of_bodies_as_they_are_it_is_not_known_how_many_answers_are_due(endpoint, sagemaker):
    sagemaker.raw = lambda body: ("application/json", b"[1, 2]" if body == b"a" else b"3")
    asked = RequestSet("", [Body(b"a", "text/plain"), Body(b"b", "text/plain")], "*/*")

    (answers,) = predict(endpoint, [asked])

    assert answers.predictions is not None
    assert answers.predictions.tolist() == [1, 2, 3]
