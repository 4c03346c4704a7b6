"""Linear and factor terms beside splines."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.api import OLS

from gam_model import GAMRegressor

KINDS = ["spline", "linear", "factor"]


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(6)
    X = np.c_[rng.uniform(0, 1, 300), rng.uniform(50, 90, 300), rng.choice([2.0, 5.0, 9.0], 300)]
    steps = np.select([X[:, 2] == 5, X[:, 2] == 9], [1.0, -2.0])
    return X, np.sin(6 * X[:, 0]) + 0.1 * X[:, 1] + steps + rng.normal(0, 0.1, 300)


def test_lines_and_factors_alone_are_least_squares(mixed):
    X, y = mixed
    model = GAMRegressor(terms=["linear", "linear", "factor"]).fit(X, y)
    design = np.column_stack((np.ones(300), X[:, :2], X[:, 2] == 5, X[:, 2] == 9))
    theirs = OLS(y, design).fit()
    prediction, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(prediction, theirs.fittedvalues, rtol=0, atol=1e-10)
    np.testing.assert_allclose(std, theirs.get_prediction(design).se_mean, rtol=1e-9)
    slope = (model.curves_[1](np.array([60.0])) - model.curves_[1](np.array([59.0])))[0]
    assert slope == pytest.approx(theirs.params[2])
    assert model.edf_ == pytest.approx([1, 1, 2])
    assert np.isnan(model.alpha_).all()


def test_each_finds_its_part(mixed):
    X, y = mixed
    model = GAMRegressor(alpha="reml", terms=KINDS).fit(X, y)
    assert model.score(X, y) > 0.99
    assert model.curves_[1](np.array([90.0])) - model.curves_[1](np.array([50.0])) == pytest.approx(
        4.0, abs=0.1
    )
    steps = model.curves_[2](np.array([2.0, 5.0, 9.0]))
    np.testing.assert_allclose(steps, [0, 1, -2], atol=0.1)
    for name in ("x0_s0 ", "x1 ", "x2[5] ", "x2[9] "):
        assert f"\n{name}" in model.summary


def test_few_and_many_rows_are_evaluated_alike(mixed):
    X, y = mixed
    model = GAMRegressor(terms=KINDS).fit(X, y)
    one_by_one = [model.predict(row[None])[0] for row in X]
    np.testing.assert_array_equal(model.predict(X), one_by_one)


def test_a_level_that_training_had_not(mixed):
    X, y = mixed
    model = GAMRegressor(terms=KINDS, extrapolation="clip").fit(X, y)
    other = X[:2].copy()
    other[1, 2] = 7
    with pytest.raises(ValueError, match=r"'x2' has the level 7, which .* it has 2, 5, 9\."):
        model.predict(other)
    with pytest.raises(ValueError, match="'x2' has the level 7"):
        model.partial_dependence("x2", [7])


def test_a_factor_of_too_many_levels():
    x = np.arange(1200.0)
    with pytest.raises(ValueError, match="'x0' has 1200 levels, more than the 1000"):
        GAMRegressor(terms="factor").fit(x[:, None], x)


def test_lines_go_on_beyond_the_range(mixed):
    X, y = mixed
    model = GAMRegressor(terms=KINDS).fit(X, y)
    rows = np.array([[0.5, 90.0, 2.0], [0.5, 91.0, 2.0], [0.5, 190.0, 2.0]])
    at, near, far = model.predict(rows)
    assert far - at == pytest.approx(100 * (near - at))


class TestUncertainty:
    def test_standard_errors_are_statsmodels_own(self, bumps):
        from statsmodels.gam.api import BSplines, GLMGam

        X, y = bumps
        smoother = BSplines(X, df=[12], degree=[3])
        ones = np.ones((len(y), 1))
        theirs = GLMGam(y, exog=ones, smoother=smoother, alpha=50.0).fit()
        expected = theirs.get_prediction(exog=ones, exog_smooth=X)
        model = GAMRegressor(df=12, alpha=50.0).fit(X, y)
        prediction, std = model.predict(X, return_std=True)
        np.testing.assert_allclose(std, expected.se_mean, rtol=1e-8)
        assert model.scale_ == pytest.approx(theirs.scale)
        lower, upper = model.predict_interval(X)
        np.testing.assert_allclose(
            np.column_stack((lower, upper)), expected.conf_int(), rtol=1e-8, atol=1e-8
        )
        lower, upper = model.predict_interval(X, level=0.8, of="observation")
        half = norm.ppf(0.9) * np.sqrt(std**2 + theirs.scale)
        np.testing.assert_allclose(upper - prediction, half, rtol=1e-9)
        np.testing.assert_allclose(prediction - lower, half, rtol=1e-9)

    def test_bands_cover(self):
        rng = np.random.default_rng(8)
        X = np.linspace(0, 1, 200)[:, None]
        truth = np.sin(8 * X[:, 0])
        inside = []
        for _ in range(8):
            model = GAMRegressor(alpha="reml").fit(X, truth + rng.normal(0, 0.3, 200))
            lower, upper = model.predict_interval(X)
            inside.append(((lower <= truth) & (truth <= upper)).mean())
        assert 0.88 < np.mean(inside) < 0.99

    def test_grow_beyond_the_range_as_a_lines_do(self, bumps):
        model = GAMRegressor(alpha="reml").fit(*bumps)
        high = bumps.X.max()
        std = model.predict(np.array([[high], [high + 1], [high + 1e3], [high + 2e3]]), True)[1]
        assert std[0] < std[1] < std[2]
        assert std[3] / std[2] == pytest.approx(2, rel=0.1)
        clip = GAMRegressor(alpha="reml", extrapolation="clip").fit(*bumps)
        assert clip.predict(np.array([[high + 1e3]]), return_std=True)[1] == pytest.approx(std[0])

    def test_of_many_rows_in_blocks(self, additive, monkeypatch):
        from gam_model import uncertainty

        X, y = additive
        model = GAMRegressor().fit(X, y)
        whole = model.predict(X, return_std=True)[1]
        monkeypatch.setattr(uncertainty, "BLOCK", 100)
        np.testing.assert_allclose(model.predict(X, return_std=True)[1], whole, rtol=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"level": 1.0}, "level=1.0 is no probability"),
            ({"level": 95}, "level=95 is no probability"),
            ({"of": "row"}, "of='row' is unknown: choose 'mean' or 'observation'"),
        ],
    )
    def test_impossible_intervals(self, bumps, arguments, message):
        with pytest.raises(ValueError, match=message):
            GAMRegressor().fit(*bumps).predict_interval(bumps.X, **arguments)


class TestPartialDependence:
    @pytest.mark.parametrize("feature", [0, 1, 2])
    def test_is_scikit_learns_on_the_training_rows(self, mixed, feature):
        from sklearn.inspection import partial_dependence

        X, y = mixed
        model = GAMRegressor(terms=KINDS).fit(X, y)
        theirs = partial_dependence(model, X, [feature], grid_resolution=7)
        ours = model.partial_dependence(feature, theirs["grid_values"][0])
        np.testing.assert_allclose(ours.average, theirs["average"][0], rtol=0, atol=1e-10)

    def test_grid_and_names(self, mixed):
        X, y = mixed
        model = GAMRegressor(terms=KINDS).fit(X, y)
        values, average, std = model.partial_dependence("x0")
        assert values[[0, -1]].tolist() == [X[:, 0].min(), X[:, 0].max()]
        assert len(values) == len(average) == len(std) == 100
        assert model.partial_dependence(2).values.tolist() == [2, 5, 9]
        with pytest.raises(ValueError, match="no feature 'weight': give a number from 0 to 2, or"):
            model.partial_dependence("weight")
        with pytest.raises(ValueError, match="no feature 3"):
            model.partial_dependence(3)

    def test_standard_error_is_that_of_the_mean_prediction(self, mixed):
        X, y = mixed
        model = GAMRegressor(terms=["linear", "linear", "factor"]).fit(X, y)
        design = np.column_stack((np.ones(300), X[:, :2], X[:, 2] == 5, X[:, 2] == 9))
        theirs = OLS(y, design).fit()
        rows = np.tile(design.mean(axis=0), (3, 1))
        rows[:, 1] = [0.1, 0.5, 2.0]
        np.testing.assert_allclose(
            model.partial_dependence(0, rows[:, 1]).std,
            theirs.get_prediction(rows).se_mean,
            rtol=1e-9,
        )
