import pytest

from gam_model import GAMRegressor


def test_parameters_by_name():
    model = GAMRegressor(df=9)
    assert model.get_params() == {
        "alpha": 1.0,
        "degree": 3,
        "df": 9,
        "extrapolation": "linear",
        "family": "gaussian",
        "terms": "spline",
    }
    assert model.set_params(df=7, alpha=2.0) is model
    assert (model.df, model.alpha) == (7, 2.0)


def test_an_unknown_parameter_sets_nothing():
    model = GAMRegressor()
    with pytest.raises(ValueError, match="Invalid parameter 'knots' for estimator GAMRegressor"):
        model.set_params(df=7, knots=3)
    assert model.df == 15


def test_repr_names_what_is_not_a_default():
    assert repr(GAMRegressor()) == "GAMRegressor()"
    assert repr(GAMRegressor(df=[8, 9], extrapolation="clip")) == (
        "GAMRegressor(df=[8, 9], extrapolation='clip')"
    )


def test_notebooks_show_html():
    assert "GAMRegressor" in GAMRegressor()._repr_html_()
