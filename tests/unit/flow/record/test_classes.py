"""Classes against scikit-learn's own figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from harness.flow.record.classes import MOST_CLASSES, OTHER, classes

RANDOM = np.random.RandomState(0)


def test_a_confusion_matrix_is_scikit_learns():
    truth, told = RANDOM.choice(["pear", "apple", "fig"], (2, 200))

    found = classes(truth, told)

    assert found is not None
    assert found.labels == ["apple", "fig", "pear"]
    assert found.matrix.tolist() == confusion_matrix(truth, told).tolist()
    assert found.right == np.mean(truth == told)
    assert found.curves == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60))
def test_a_roc_curve_is_scikit_learns(rows):
    truth = np.array([int(positive) for positive, _ in rows])
    scores = np.array([score / 8 - 1e-9 for _, score in rows])

    found = classes(truth, scores)

    assert found is not None
    if len(set(truth.tolist())) < 2:
        assert found.curves == []
        return
    (curve,) = found.curves
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert curve.label == "1"
    assert curve.false == pytest.approx(false)
    assert curve.true == pytest.approx(true)
    assert curve.area == pytest.approx(roc_auc_score(truth, scores))


def test_of_more_classes_each_has_a_curve_against_the_others():
    truth = RANDOM.choice(["a", "b", "c"], 300)
    scores = RANDOM.dirichlet([1, 1, 1], 300)

    found = classes(truth, scores)

    assert found is not None
    assert [curve.label for curve in found.curves] == ["a", "b", "c"]
    for number, curve in enumerate(found.curves):
        assert curve.area == pytest.approx(roc_auc_score(truth == curve.label, scores[:, number]))


def test_numbers_are_in_their_order_and_without_a_fraction_that_is_none():
    found = classes(np.array([2.0, 10.0, 10.0]), np.array([2, 2, 10]))

    assert found is not None
    assert (found.labels, found.matrix.tolist()) == (["2", "10"], [[1, 0], [1, 1]])


def test_the_rarest_of_very_many_classes_are_one():
    truth = np.array([f"c{n}" for n in range(150)] + ["c7"] * 5)

    found = classes(truth, truth)

    assert found is not None
    assert len(found.labels) == MOST_CLASSES
    assert found.labels[-1] == OTHER
    assert found.matrix.sum() == len(truth)
    assert found.matrix[found.labels.index("c7")].max() == 6


def test_what_is_no_classes_is_none():
    assert classes(np.array(["a", "b"]), np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])) is None
