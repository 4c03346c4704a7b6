"""What kind answers are of, and what was asked."""

import numpy as np
import pytest

from harness.flow.project.requests import Body
from harness.flow.record.answered import Answered


@pytest.mark.parametrize(
    ("truth", "predictions", "scores", "kind"),
    [
        ([1.5, 2.5], [1.0, 2.0], (), "numbers"),
        ([1.5, 2.5], [[1.0], [2.0]], (), "numbers"),
        ([3, 4], [3, 4], ("r2",), "numbers"),
        ([3, 4], [3, 4], ("neg_mean_squared_error",), "numbers"),
        ([0, 1], [0.2, 0.7], ("neg_log_loss",), "classes"),
        ([0, 1], [0.2, 0.7], ("accuracy", "roc_auc"), "classes"),
        ([0, 1], [0.2, 0.7], (), "classes"),
        ([3, 4], [3, 4], (), "classes"),
        ([3, 4, 9], [3.5, 4.25, 8.0], (), "numbers"),
        ([0, 2, 1], [[0.1, 0.1, 0.8]] * 3, (), "classes"),
        (list(range(30)), list(range(30)), (), "numbers"),
        (["a", "b"], ["a", "a"], (), "classes"),
        (["a", "b"], [[0.5, 0.5], [0.9, 0.1]], (), "classes"),
        (["a", "b"], [[0.5, 0.5, 0.0]] * 2, (), "other"),
        ([1.5, float("nan")], [1.0, 2.0], (), "numbers"),
        ([[1.5], [2.5]], [1.0, 2.0], (), "other"),
        ([1.5, 2.5], [1.0, 2.0, 3.0], (), "other"),
        ([1.5, 2.5], [[1.0, 2.0]] * 2, ("r2",), "other"),
        ([1.5, 2.5], None, (), "other"),
        (None, [1.0], (), "other"),
        ([], [], (), "other"),
    ],
)
def test_the_kind_of_answers(answers, truth, predictions, scores, kind):
    assert Answered(answers(truth, predictions), scores).kind == kind


def test_residuals_are_of_the_rows_where_both_are_finite(answers):
    found = Answered(answers([1.0, float("nan"), 3.0], [[0.5], [1.0], [5.0]]))

    assert found.residuals.tolist() == [0.5, -2.0]


def test_the_feature_is_what_was_asked_where_it_is_one(answers):
    one = Answered(answers([1.5, 2.5], [1.0, 2.0], [7.0, 8.0]))
    two = Answered(answers([1.5, 2.5], [1.0, 2.0], [[7.0, 1.0], [8.0, 1.0]]))

    assert one.feature is not None
    assert one.feature.tolist() == [7.0, 8.0]
    assert two.features is not None
    assert (two.features.shape, two.feature) == ((2, 2), None)


@pytest.mark.parametrize(
    "body",
    [
        Body(b"a,1\nb,2\n", "text/csv", 2),
        Body(b"1\n2\n", "text/csv"),
        Body(b"1\n2\n", "image/png", 2),
        Body(b"no json", "application/json", 2),
        Body(b"1\n2\n3\n", "text/csv", 3),
        Body(b'[{"x": 1}, {"x": 2}]', "application/json", 2),
    ],
)
def test_what_is_no_rows_of_numbers_has_no_features(answers, body):
    found = answers([1.5, 2.5], [1.0, 2.0])
    found.asked.bodies.append(body)

    assert Answered(found).features is None


def test_a_body_of_flat_rows_has_them(answers):
    found = answers([1.5, 2.5], np.array([1.0, 2.0]))
    found.asked.bodies.append(Body(b"[7, 8]", "application/json", 2))

    feature = Answered(found).feature
    assert feature is not None
    assert feature.tolist() == [7.0, 8.0]
