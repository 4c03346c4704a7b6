import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from gam_model import GAMRegressor


def test_follows_the_curve(bumps):
    assert GAMRegressor(df=20).fit(*bumps).score(*bumps) > 0.99


def test_prediction_is_the_constant_plus_the_curves(additive):
    X, y = additive
    model = GAMRegressor().fit(X, y)
    total = model.intercept_ + sum(
        curve(column) for curve, column in zip(model.curves_, X.T, strict=True)
    )
    np.testing.assert_allclose(model.predict(X), total, rtol=1e-14)
    assert [curve.lower for curve in model.curves_] == X.min(axis=0).tolist()
    assert [curve.upper for curve in model.curves_] == X.max(axis=0).tolist()


def test_more_alpha_is_closer_to_a_line(bumps):
    X, y = bumps
    line = np.poly1d(np.polyfit(X[:, 0], y, 1))(X[:, 0])
    distances = [
        np.abs(GAMRegressor(alpha=alpha).fit(X, y).predict(X) - line).max()
        for alpha in (1.0, 1e6, 1e12)
    ]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-2


@pytest.mark.parametrize("make", [list, lambda X: X.astype("f4"), np.asfortranarray, np.ma.array])
def test_input_of_other_kinds(additive, make):
    model = GAMRegressor().fit(*additive)
    np.testing.assert_allclose(
        model.predict(make(additive.X)), model.predict(additive.X), atol=1e-4
    )


def test_predict_leaves_its_input_alone(bumps):
    X = bumps.X * 2
    before = X.copy()
    for extrapolation in ("linear", "clip"):
        GAMRegressor(extrapolation=extrapolation).fit(*bumps).predict(X)
    np.testing.assert_array_equal(X, before)


class TestExtrapolation:
    def test_linear_continues_value_and_slope(self, bumps):
        X, y = bumps
        model = GAMRegressor().fit(X, y)
        for end, out in ((X.min(), -1.0), (X.max(), 1.0)):
            steps = out * np.array([-1e-5, 0.0, 1e-5, 10.0, 1000.0])
            inside, edge, near, far, farther = model.predict((end + steps)[:, None])
            slope = (edge - inside) / 1e-5
            assert near == pytest.approx(edge, abs=1e-3)
            assert (near - edge) / 1e-5 == pytest.approx(slope, rel=1e-3)
            assert (far - edge) / 10 == pytest.approx(slope, rel=1e-3)
            assert farther - edge == pytest.approx(100 * (far - edge))

    def test_clip_holds_the_boundary_value(self, bumps):
        model = GAMRegressor(extrapolation="clip").fit(*bumps)
        low, high = bumps.X.min(), bumps.X.max()
        at_ends = model.predict(np.array([[low], [high]]))
        outside = model.predict(np.array([[low - 1e-9], [low - 99], [high + 1e-9], [high + 99]]))
        np.testing.assert_array_equal(outside, at_ends.repeat(2))

    def test_error_names_feature_and_range(self, additive):
        X, y = additive
        model = GAMRegressor(extrapolation="error").fit(X, y)
        model.predict(X)
        outside = X.copy()
        outside[7, 1] = 1.5
        message = rf"Feature 'x1' has values from .* to 1.5, outside .*, {X[:, 1].min()} to "
        with pytest.raises(ValueError, match=message):
            model.predict(outside)

    def test_ways_agree_inside(self, additive):
        X, y = additive
        linear, clip, error = (
            GAMRegressor(extrapolation=way).fit(X, y).predict(X)
            for way in ("linear", "clip", "error")
        )
        np.testing.assert_array_equal(linear, clip)
        np.testing.assert_array_equal(linear, error)

    def test_only_the_feature_outside_is_extrapolated(self, additive):
        X, y = additive
        inside = X[:1].copy()
        outside = inside.copy()
        outside[0, 2] = X[:, 2].max() + 50
        clip = GAMRegressor(extrapolation="clip").fit(X, y)
        at_edge = inside.copy()
        at_edge[0, 2] = X[:, 2].max()
        assert clip.predict(outside) == pytest.approx(clip.predict(at_edge))

    def test_can_be_changed_after_the_fit(self, bumps):
        model = GAMRegressor().fit(*bumps)
        model.set_params(extrapolation="error")
        with pytest.raises(ValueError, match="outside its range"):
            model.predict([[1e3]])
        model.set_params(extrapolation="none")
        with pytest.raises(ValueError, match="extrapolation='none' is unknown"):
            model.predict([[5.0]])


class TestBadInput:
    def test_not_fitted(self):
        with pytest.raises(NotFittedError):
            GAMRegressor().predict([[1.0]])
        with pytest.raises(NotFittedError):
            GAMRegressor().summary  # noqa: B018

    def test_a_failed_fit_does_not_count(self, bumps):
        model = GAMRegressor(df=2)
        with pytest.raises(ValueError, match="df=2 is too small"):
            model.fit(*bumps)
        with pytest.raises(NotFittedError):
            model.predict(bumps.X)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_values_not_finite(self, additive, bad):
        X, y = additive[0].copy(), additive[1].copy()
        model = GAMRegressor().fit(X, y)
        X[3, 1] = bad
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            model.predict(X)
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            GAMRegressor().fit(X, y)
        y[3] = bad
        with pytest.raises(ValueError, match="Input y contains"):
            GAMRegressor().fit(additive.X, y)

    @pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist])
    def test_another_number_of_features(self, additive, make):
        model = GAMRegressor().fit(*additive)
        with pytest.raises(ValueError, match="X has 2 features, but GAMRegressor is expecting 3"):
            model.predict(make(additive.X[:, :2]))

    def test_x_and_y_of_different_lengths(self, additive):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            GAMRegressor().fit(additive.X, additive.y[:-1])

    def test_words(self):
        with pytest.raises(ValueError, match="could not convert string to float"):
            GAMRegressor().fit([["a"], ["b"]], [1, 2])
