"""No result depends on units, but by what `alpha` means; and none drowns in rounding errors."""

import warnings

import numpy as np
import pytest

from gam_model import GAMRegressor
from gam_model.fit import fitting

pytestmark = pytest.mark.filterwarnings(
    "error",
    "ignore::ResourceWarning",  # of what an earlier test left to the garbage collector
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(scope="module")
def waves():
    """Two features from 0 to 1 and a target of both, with its fit at alpha=1e-3."""
    rng = np.random.default_rng(0)
    X = np.c_[np.linspace(0, 1, 300), rng.uniform(0, 1, 300)]
    y = np.sin(7 * X[:, 0]) + X[:, 1] ** 2 + rng.normal(0, 0.1, 300)
    return X, y, GAMRegressor(alpha=1e-3).fit(X, y).predict(X)


def test_a_line_in_small_units():
    x = np.linspace(0, 1e-5, 300)
    y = 2 + 5e5 * x
    X = np.c_[x, np.random.default_rng(0).uniform(0, 10, 300)]
    model = GAMRegressor().fit(X, y)
    assert model.score(X, y) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-49, 1e-20, 1e-5, 1e5, 1e20, 1e49])
def test_alpha_scales_with_the_cube_of_the_unit(waves, unit):
    X, y, expected = waves
    scaled = X * [unit, 1]
    model = GAMRegressor(alpha=[1e-3 * unit**3, 1e-3]).fit(scaled, y)
    np.testing.assert_allclose(model.predict(scaled), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e-12, 1e12, 1e150, 1e300])
def test_unit_of_the_target_does_not_matter(waves, unit):
    X, y, expected = waves
    model = GAMRegressor(alpha=1e-3).fit(X, y * unit)
    np.testing.assert_allclose(model.predict(X) / unit, expected, rtol=0, atol=1e-12)
    assert "No. Observations:                  300" in model.summary


@pytest.mark.parametrize(("offset", "tolerance"), [(1e6, 1e-8), (-1e9, 1e-5), (1e12, 1e-2)])
def test_far_from_zero_what_the_numbers_still_say_is_fitted(waves, offset, tolerance):
    """One unit in the last place of 1e12 is 1e-4."""
    X, y, expected = waves
    moved = X + np.array([offset, 0])
    prediction = GAMRegressor(alpha=1e-3).fit(moved, y).predict(moved)
    np.testing.assert_allclose(prediction, expected, rtol=0, atol=tolerance)
    prediction = GAMRegressor(alpha=1e-3).fit(X, y + offset).predict(X) - offset
    np.testing.assert_allclose(prediction, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-12, 1e-9, 1e-6])
def test_nearly_the_same_feature_twice(waves, apart):
    X, y, expected = waves
    twin = X[:, 0] + apart * np.random.default_rng(1).normal(size=300)
    both = np.column_stack((X, twin))
    prediction = GAMRegressor(alpha=1e-3).fit(both, y).predict(both)
    assert ((y - prediction) ** 2).sum() <= ((y - expected) ** 2).sum()
    assert np.abs(prediction - expected).max() < 0.1


@pytest.mark.parametrize("outlier", [1e3, -1e9, 1e20, 1e40])
def test_one_row_far_from_all_others(waves, outlier):
    X, y, expected = waves
    X, y = np.vstack((X, np.array([[outlier, 0.5]]))), np.append(y, 0.0)
    prediction = GAMRegressor(alpha=1e-3).fit(X, y).predict(X)
    assert np.abs(prediction[:-1] - expected).max() < 0.1
    assert abs(prediction[-1] - y[-1]) < 0.1


@pytest.mark.parametrize("alpha", [1e20, 1e100, 1e300])
def test_a_penalty_beyond_measure_leaves_straight_lines(waves, alpha):
    X, y, _ = waves
    columns = np.column_stack((np.ones(300), X))
    lines = columns @ np.linalg.lstsq(columns, y)[0]
    prediction = GAMRegressor(alpha=alpha).fit(X, y).predict(X)
    np.testing.assert_allclose(prediction, lines, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["gcv", "reml"])
@pytest.mark.parametrize("unit", [1e-20, 1e-5, 1e20])
def test_a_selected_alpha_leaves_no_unit_in_the_fit(waves, method, unit):
    X, y, _ = waves
    plain = GAMRegressor(alpha=method).fit(X, y)
    scaled = GAMRegressor(alpha=method).fit(X * [unit, 1], y / unit)
    np.testing.assert_allclose(
        scaled.predict(X * [unit, 1]) * unit, plain.predict(X), rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(scaled.edf_, plain.edf_, rtol=1e-3)


def test_no_penalty_is_the_limit_of_small_ones(waves):
    X, y, _ = waves
    none, little = (GAMRegressor(alpha=alpha).fit(X, y).predict(X) for alpha in (0.0, 1e-200))
    np.testing.assert_allclose(none, little, rtol=0, atol=1e-12)


@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_a_range_whose_powers_are_no_numbers_is_refused(waves, unit):
    X, y, _ = waves
    with pytest.raises(ValueError, match=r"Feature 'x0' has a range of .* give it in a unit"):
        GAMRegressor().fit(X * [unit, 1], y)


def test_a_fit_that_is_worse_than_the_mean_warns():
    with warnings.catch_warnings():
        fitting.warn_if_worse_than_the_mean(2.0, 2.0)
    with pytest.warns(UserWarning, match=r"worse than the mean: .* 1.01 times"):
        fitting.warn_if_worse_than_the_mean(1.01 * 2.0, 2.0)
    with pytest.warns(UserWarning, match=r"nan times"):
        fitting.warn_if_worse_than_the_mean(np.nan, 2.0)
