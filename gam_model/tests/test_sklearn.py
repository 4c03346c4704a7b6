"""scikit-learn's own checks, and its tools at work on the estimator."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gam_model import GAMClassifier, GAMRegressor

with warnings.catch_warnings():
    # The checks are collected here, and warn of every estimator that is no BaseEstimator.
    warnings.filterwarnings("ignore", r"Estimator GAM\w+ does not inherit")

    @parametrize_with_checks([GAMRegressor(), GAMClassifier(df=6)])
    def test_scikit_learns_checks(estimator, check):
        check(estimator)

    @pytest.mark.slow
    @parametrize_with_checks(
        [
            GAMRegressor(df=6, degree=2, alpha=10, extrapolation="clip"),
            GAMRegressor(df=6, alpha="reml"),
            GAMRegressor(df=6, family="poisson"),
        ]
    )
    def test_scikit_learns_checks_of_other_parameters(estimator, check):
        check(estimator)


def test_is_a_regressor_or_a_classifier():
    assert is_regressor(GAMRegressor())
    assert is_classifier(GAMClassifier())


def test_clone_has_the_parameters_and_no_fit(bumps):
    fitted = GAMRegressor(df=9, alpha=[0.5], degree=2, extrapolation="clip").fit(*bumps)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "curves_")


def test_score_is_r2(additive):
    X, y = additive
    model = GAMRegressor().fit(X, y)
    weights = np.linspace(0, 1, len(y))
    assert model.score(X, y) == r2_score(y, model.predict(X))
    assert model.score(X, y, weights) == r2_score(y, model.predict(X), sample_weight=weights)


def test_cross_validation_prefers_enough_df(bumps):
    few, enough = (
        cross_val_score(GAMRegressor(df=df), bumps.X, bumps.y, cv=5).mean() for df in (4, 20)
    )
    assert enough > few


@pytest.mark.parametrize("routing", [False, True])
def test_search_over_a_pipeline(bumps, routing):
    pipeline = make_pipeline(StandardScaler(), GAMRegressor(alpha=0.001))
    with sklearn.config_context(enable_metadata_routing=routing):
        search = GridSearchCV(pipeline, {"gamregressor__df": [4, 20]}, error_score="raise")
        search.fit(*bumps)
    assert search.best_params_ == {"gamregressor__df": 20}
    assert search.best_estimator_.score(*bumps) > 0.98


def test_ensembles_and_inspection(additive):
    X, y = additive
    BaggingRegressor(GAMRegressor(), n_estimators=2, random_state=0).fit(X, y).predict(X)
    StackingRegressor([("gam", GAMRegressor()), ("line", LinearRegression())]).fit(X, y).predict(X)
    importance = permutation_importance(GAMRegressor().fit(X, y), X, y, random_state=0)
    assert (importance.importances_mean > 0).all()


def test_frames_keep_their_names(additive):
    X, y = additive
    frame = pd.DataFrame(X, columns=["angle", "share", "weight"])
    model = GAMRegressor().fit(frame, pd.Series(y, name="yield"))
    assert list(model.feature_names_in_) == ["angle", "share", "weight"]
    np.testing.assert_array_equal(model.predict(frame), GAMRegressor().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["share", "angle", "weight"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
