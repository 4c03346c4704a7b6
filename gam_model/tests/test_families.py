"""Models that are not Gaussian are statsmodels' own."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import partial_dependence
from statsmodels.gam.api import BSplines, GLMGam
from statsmodels.genmod import families

from gam_model import GAMClassifier, GAMRegressor
from gam_model.fit import condensing

DF, ALPHA = 9, 0.05


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(10)
    X = rng.uniform(0, 2, (400, 2))
    return X, np.sin(3 * X[:, 0]) + X[:, 1] - 0.5, rng


def statsmodels_fit(X, y, family):
    smoother = BSplines(X, df=[DF] * 2, degree=[3] * 2)
    ones = np.ones((len(y), 1))
    model = GLMGam(y, exog=ones, smoother=smoother, alpha=[ALPHA] * 2, family=family)
    return model.fit(tol=1e-12)


def comparable(summary):
    varying = ("Date:", "Time:", "No. Iterations:")
    return [line for line in summary.splitlines() if not line.startswith(varying)]


@pytest.mark.parametrize("block", [None, 2000])
def test_poisson(rows, monkeypatch, block):
    if block:
        monkeypatch.setattr(condensing, "BLOCK", block)
    X, predictor, _ = rows
    y = np.random.default_rng(1).poisson(np.exp(predictor))
    model = GAMRegressor(df=DF, alpha=ALPHA, family="poisson").fit(X, y)
    theirs = statsmodels_fit(X, y, families.Poisson())
    expected = theirs.get_prediction(exog=np.ones((400, 1)), exog_smooth=X)
    prediction, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(prediction, theirs.fittedvalues, rtol=1e-8)
    np.testing.assert_allclose(std, expected.se_mean, rtol=1e-6)
    lower, upper = model.predict_interval(X)
    np.testing.assert_allclose(np.column_stack((lower, upper)), expected.conf_int(), rtol=1e-6)
    assert comparable(model.summary) == comparable(str(theirs.summary()))
    with pytest.raises(ValueError, match="of='observation' is for family='gaussian'"):
        model.predict_interval(X, of="observation")


def test_binomial(rows):
    X, predictor, _ = rows
    y = np.random.default_rng(1).uniform(size=400) < 1 / (1 + np.exp(-predictor))
    model = GAMClassifier(df=DF, alpha=ALPHA).fit(X, y)
    theirs = statsmodels_fit(X, y.astype(float), families.Binomial())
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], theirs.fittedvalues, rtol=1e-7)
    assert comparable(model.summary) == comparable(str(theirs.summary()))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)
    dependence = partial_dependence(
        model, X, [0], grid_resolution=5, response_method="decision_function"
    )
    ours = model.partial_dependence(0, dependence["grid_values"][0])
    np.testing.assert_allclose(ours.average, dependence["average"][0], rtol=0, atol=1e-8)


def test_reml_takes_what_is_there(rows):
    X, predictor, _ = rows
    rng = np.random.default_rng(2)
    counts = rng.poisson(np.exp(predictor))
    model = GAMRegressor(alpha="reml", family="poisson").fit(X, counts)
    assert model.edf_[0] > 3
    assert model.edf_[1] < 2
    truth = np.exp(predictor)
    assert np.abs(model.predict(X) - truth).mean() < 0.15 * truth.mean()
    odds = GAMClassifier(alpha="reml").fit(X, rng.uniform(size=400) < 1 / (1 + np.exp(-predictor)))
    assert np.corrcoef(odds.decision_function(X), predictor)[0, 1] > 0.95


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_units_do_not_matter(rows, unit):
    X, predictor, _ = rows
    counts = np.random.default_rng(3).poisson(np.exp(predictor))
    plain = GAMRegressor(alpha="reml", family="poisson").fit(X, counts).predict(X)
    scaled = GAMRegressor(alpha="reml", family="poisson").fit(X * unit, counts)
    np.testing.assert_allclose(scaled.predict(X * unit), plain, rtol=1e-5)


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.arange(-1, 9), "from -1 to 8: .* counts of 0 or more"), (np.zeros(10), "from 0 to 0")],
)
def test_no_counts(y, message):
    with pytest.raises(ValueError, match=message):
        GAMRegressor(df=4, family="poisson").fit(np.arange(10.0)[:, None], y)


def test_large_and_many_zero_counts():
    x = np.linspace(0, 1, 300)
    y = np.where(x < 0.7, 0, np.round(1e6 * (x - 0.7)))
    model = GAMRegressor(alpha="reml", family="poisson").fit(x[:, None], y)
    prediction = model.predict(x[:, None])
    assert np.isfinite(prediction).all()
    assert model.score(x[:, None], y) > 0.99


class TestClasses:
    def test_names(self, rows):
        X, predictor, _ = rows
        words = np.where(predictor > 0.3, "up", "down")
        y = np.where(np.random.default_rng(4).uniform(size=400) < 0.1, "down", words)
        model = GAMClassifier(alpha="reml").fit(X, y)
        assert model.classes_.tolist() == ["down", "up"]
        assert set(model.predict(X)) == {"down", "up"}
        assert model.score(X, y) > 0.85

    def test_separated_classes_are_told_apart(self):
        x = np.linspace(0, 1, 100)
        model = GAMClassifier(df=6).fit(x[:, None], x > 0.5)
        assert model.score(x[:, None], x > 0.5) == 1.0
        assert np.isfinite(model.predict_proba(x[:, None])).all()

    @pytest.mark.parametrize(
        ("y", "message"),
        [(np.arange(400) % 3, "Only binary"), (np.ones(400), "one class only, 1.0")],
    )
    def test_not_two(self, rows, y, message):
        with pytest.raises(ValueError, match=message):
            GAMClassifier().fit(rows[0], y)


def test_a_fit_that_does_not_converge_warns(rows, monkeypatch):
    from gam_model.fit import iterating

    monkeypatch.setattr(iterating, "MOST_STEPS", 2)
    counts = np.random.default_rng(3).poisson(np.exp(rows[1]))
    with pytest.warns(ConvergenceWarning, match="did not converge in 2 steps"):
        GAMRegressor(family="poisson").fit(rows[0], counts)
