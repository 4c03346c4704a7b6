import numpy as np
import pytest
from sklearn.utils.validation import check_array

from gam_model.validation import check_rows, is_plain_array


def test_what_counts_as_plain():
    assert all(is_plain_array(np.zeros((2, 1), dtype)) for dtype in ("f4", "f8", "i8", "u1"))
    assert not any(
        is_plain_array(X)
        for X in ([[1.0]], np.zeros((2, 1), "O"), np.zeros((2, 1), "c16"), np.ma.ones((2, 1)))
    )


def test_no_copy_of_float64():
    X = np.ones((3, 2))
    assert check_rows(X, 2) is X


@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "u1"])
def test_converts_other_numbers(dtype):
    rows = check_rows(np.array([[1], [2]], dtype), 1)
    assert rows.dtype == np.float64
    assert rows.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(3), "Expected 2D array, got 1D array of shape"),
        (np.float64(3.0).reshape(()), "Expected 2D array, got 0D array"),
        (np.ones((1, 2, 1)), "Expected 2D array, got 3D array"),
        (np.ones((0, 2)), r"0 sample\(s\)"),
        (np.array([[1.0, np.nan]]), "contains NaN"),
        (np.array([[1.0, -np.inf]]), "contains infinity"),
    ],
)
def test_rejects_what_scikit_learn_rejects(X, message):
    with pytest.raises(ValueError, match=r"(?i)array|NaN|infinity"):
        check_array(X)
    with pytest.raises(ValueError, match=message):
        check_rows(X, 2)


@pytest.mark.parametrize("width", [0, 1, 3])
def test_rejects_another_width(width):
    with pytest.raises(ValueError, match=f"X has {width} features, but GAMRegressor is expecting"):
        check_rows(np.ones((4, width)), 2)
