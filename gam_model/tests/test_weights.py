"""`sample_weight`: how many rows each row counts as."""

import numpy as np
import pytest
from statsmodels.api import WLS

from gam_model import GAMClassifier, GAMRegressor
from gam_model.fit.quantiles import quantiles


@pytest.mark.parametrize("make", [GAMRegressor, GAMClassifier])
@pytest.mark.parametrize("alpha", [1e-2, "reml"])
def test_a_row_of_weight_3_is_three_rows(make, alpha):
    rng = np.random.default_rng(7)
    X = rng.uniform(0, 3, (150, 2))
    y = np.sin(2 * X[:, 0]) + X[:, 1] + rng.normal(0, 0.5, 150)
    if make is GAMClassifier:
        y = np.sign(y - 1.5)
    weights = rng.integers(0, 4, 150)
    weighted = make(df=8, alpha=alpha).fit(X, y, sample_weight=weights)
    repeated = make(df=8, alpha=alpha).fit(X.repeat(weights, axis=0), y.repeat(weights))
    assert weighted.intercept_ == pytest.approx(repeated.intercept_, rel=1e-5)
    np.testing.assert_allclose(weighted.edf_, repeated.edf_, rtol=1e-4)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-6)
    for ours, theirs in zip(
        weighted.partial_dependence(0), repeated.partial_dependence(0), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    lines = [model.summary.splitlines() for model in (weighted, repeated)]
    assert lines[0][2].split()[:4] == lines[1][2].split()[:4]
    assert float(lines[0][2].split()[-1]) == weights.sum()


def test_weights_that_are_not_whole(bumps):
    X, y = bumps
    weights = np.random.default_rng(3).uniform(0.1, 2, len(y))
    model = GAMRegressor(terms="linear").fit(X, y, weights)
    theirs = WLS(y, np.column_stack((np.ones(len(y)), X)), weights).fit()
    np.testing.assert_allclose(model.predict(X), theirs.fittedvalues, rtol=1e-10)
    assert GAMRegressor(alpha="reml").fit(X, y, weights).score(X, y, weights) > 0.99


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(200, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.eye(200)[0], r"1 row\(s\) have a sample_weight above 0"),
        (np.full(200, np.nan), "NaN"),
        (np.ones(3), "sample_weight"),
    ],
)
def test_weights_that_make_no_sense(bumps, weights, message):
    with pytest.raises(ValueError, match=message):
        GAMRegressor().fit(bumps.X, bumps.y, sample_weight=weights)


def test_quantiles_of_repeated_values():
    rng = np.random.default_rng(9)
    values, weights = rng.normal(size=50), rng.integers(1, 5, 50)
    shares = np.linspace(0, 1, 17)
    expected = np.percentile(values.repeat(weights), 100 * shares)
    np.testing.assert_allclose(quantiles(values, shares, weights.astype(float)), expected)
    np.testing.assert_array_equal(
        quantiles(values, shares, None), np.percentile(values, 100 * shares)
    )


def test_quantiles_of_small_weights_are_ordered():
    rng = np.random.default_rng(9)
    found = quantiles(rng.normal(size=50), np.linspace(0, 1, 17), rng.uniform(1e-9, 1, 50))
    assert (np.diff(found) >= 0).all()
