import numpy as np
import pytest

from gam_model import GAMRegressor
from gam_model.parameters import Term, check_data, make_terms


def test_a_number_holds_for_all_features():
    assert make_terms(15, 3, 1, 2) == [Term(15, 3, 1.0)] * 2


def test_one_value_per_feature():
    terms = make_terms(np.array([8, 9]), (2, 3), [0.5, 2], 2)
    assert terms == [Term(8, 2, 0.5), Term(9, 3, 2.0)]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"df": [8, 9, 10]}, r"df has 3 values for 2 feature\(s\)"),
        ({"df": []}, r"df has 0 values for 2 feature\(s\)"),
        ({"alpha": [1.0]}, r"alpha has 1 values for 2 feature\(s\)"),
        ({"degree": (3, 3, 3)}, r"degree has 3 values for 2 feature\(s\)"),
        ({"df": 15.5}, "df must be an integer, or one per feature, not 15.5"),
        ({"df": True}, "df must be an integer"),
        ({"df": None}, "df must be an integer"),
        ({"df": [8, "9"]}, "df must be an integer, or one per feature, not '9'"),
        ({"df": [[8, 9], [8, 9]]}, "df must be an integer"),
        ({"degree": 2.0}, "degree must be an integer"),
        ({"alpha": "1"}, "alpha must be a number, or one per feature, or 'gcv' or 'reml', not '1'"),
        ({"alpha": ["reml", 1.0]}, "alpha must be a number, or one per feature, not 'reml'"),
        ({"terms": "smooth"}, "terms must be one of 'spline', 'linear', 'factor'.*not 'smooth'"),
        ({"terms": ["spline"]}, r"terms has 1 values for 2 feature\(s\)"),
        ({"family": "gamma"}, "family='gamma' is unknown: choose one of 'gaussian', 'poisson'"),
        ({"alpha": -0.5}, "alpha=-0.5 is not a penalty: it must be a finite number, 0 or more"),
        ({"alpha": float("nan")}, "alpha=nan is not a penalty"),
        ({"alpha": [1.0, float("inf")]}, "alpha=inf is not a penalty"),
        ({"degree": 1}, "degree=1 is not supported.* from 2 to 5"),
        ({"degree": 6}, "degree=6 is not supported.* from 2 to 5"),
        ({"df": 3}, "df=3 is too small for degree=3.*set df to 4 or more, or lower degree"),
        ({"df": [8, 2], "degree": 2}, "df=2 is too small for degree=2.*set df to 3 or more"),
        ({"extrapolation": "cubic"}, "extrapolation='cubic' is unknown: choose one of 'linear'"),
        ({"extrapolation": None}, "extrapolation=None is unknown"),
    ],
)
def test_impossible_parameters(additive, parameters, message):
    with pytest.raises(ValueError, match=message):
        GAMRegressor(**parameters).fit(additive.X[:, :2], additive.y)


def test_constant_feature(additive):
    X = additive.X.copy()
    X[:, 1] = 2.5
    message = r"Feature 'x1' is constant \(2.5 in every row\).*leave the feature out"
    with pytest.raises(ValueError, match=message):
        GAMRegressor().fit(X, additive.y)


def test_too_few_rows_for_df(bumps):
    message = "10 rows are too few for df=20 of feature 'x0': lower df to at most 15, or fit on at "
    with pytest.raises(ValueError, match=message + "least 15 rows"):
        GAMRegressor(df=20).fit(bumps.X[:10], bumps.y[:10])


def test_what_the_message_asks_for_is_enough(bumps):
    GAMRegressor(df=15).fit(bumps.X[:10], bumps.y[:10])
    GAMRegressor(df=20).fit(bumps.X[:15], bumps.y[:15])


def test_without_a_penalty_every_coefficient_takes_a_row(additive):
    X, y = additive
    terms = make_terms(10, 3, [0.0, 1.0, 1.0], 3)
    check_data(X[:12], terms, ["a", "b", "c"])
    with pytest.warns(UserWarning, match="11 rows are too few for the 12 coefficients"):
        model = GAMRegressor(df=10, alpha=[0.0, 1.0, 1.0]).fit(X[:11], y[:11])
    np.testing.assert_allclose(model.predict(X[:11]), y[:11], atol=1e-9)


def test_more_features_than_rows(additive):
    with pytest.warns(UserWarning, match="3 rows are too few for the 4 coefficients"):
        model = GAMRegressor(df=4).fit(additive.X[:3], additive.y[:3])
    np.testing.assert_allclose(model.predict(additive.X[:3]), additive.y[:3], atol=1e-9)
    assert np.isnan(model.scale_)
