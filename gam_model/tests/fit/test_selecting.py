"""What GCV, UBRE and REML select, beside statsmodels and mgcv."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize_scalar
from statsmodels.gam.api import BSplines, GLMGam
from statsmodels.gam.generalized_additive_model import GLMGamResults
from statsmodels.gam.tests.results.results_mpg_bs import mpg_bs
from statsmodels.gam.tests.results.results_mpg_bs_poisson import mpg_bs_poisson

from gam_model import GAMRegressor
from gam_model.fit import fitting
from gam_model.fit.coefficients import Coefficients
from gam_model.fit.condensing import condense
from gam_model.fit.selecting import Criterion, select_weights
from gam_model.parameters import make_terms

CARS = partial(GAMRegressor, df=[4, 4, 12, 10], terms=["factor", "factor", "spline", "spline"])
SCALES = np.array([2.443955e-06, 0.007945455])  # by which mgcv divides the penalties' matrices


def craven_wahba(results):
    """The criterion; statsmodels' own ``gcv`` has another power of the degrees of freedom."""
    return results.nobs * results.deviance / (results.nobs - results.edf.sum()) ** 2


def gcv_of(model, X, y):
    rows, edf = len(y), 1 + model.edf_.sum()
    return rows * ((y - model.predict(X)) ** 2).sum() / (rows - edf) ** 2


@pytest.fixture(scope="module")
def system(additive):
    X, y = additive
    data = fitting.Data(X, y, None, ["a", "b", "c"], "y")
    coefficients = Coefficients(fitting.make_bases(data, make_terms(8, 3, 1.0, 3)))

    def respond(rows, design):
        design[:, -1] = y[rows]

    return coefficients.system(condense(X, coefficients.bases, respond))


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("method", ["gcv", "reml"])
def test_gradients(system, method, known):
    criterion = Criterion(method, 300, known)
    at = np.array([-6.0, 0.0, 3.0])
    numeric = approx_fprime(at, lambda each: criterion(system.solve(np.exp(each / 2)))[0], 1e-6)
    gradient = criterion(system.solve(np.exp(at / 2)))[1]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-6)
    assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("method", ["gcv", "reml"])
def test_no_neighbour_is_better(system, method, known):
    criterion = Criterion(method, 300, known)
    weights = select_weights(system, criterion)
    lowest = criterion(system.solve(weights))[0]
    for factor in (0.8, 1.25):
        for index in range(3):
            other = np.where(np.arange(3) == index, factor * weights, weights)
            assert criterion(system.solve(other))[0] > lowest - 1e-8


def test_gcv_is_what_statsmodels_selects(bumps, monkeypatch):
    X, y = bumps
    ours = GAMRegressor(df=20, alpha="gcv").fit(X, y)
    monkeypatch.setattr(GLMGamResults, "craven_wahba", property(craven_wahba), raising=False)
    smoother = BSplines(X, df=[20], degree=[3])
    model = GLMGam(y, exog=np.ones((len(y), 1)), smoother=smoother, alpha=1.0)
    model.fit()  # it sets what select_penweight puts back
    alpha, *_ = model.select_penweight(
        "craven_wahba", start_params=np.array([10.0]), method="nm", disp=False, xtol=1e-6
    )
    assert ours.alpha_ == pytest.approx(alpha, rel=1e-4)


def test_gcv_is_mgcvs_where_mgcv_stopped(cars):
    """The criterion has several minima here: mgcv's is not the lowest, nor quite a minimum."""
    X, y = cars
    alpha = [0, 0, *np.array(mpg_bs.sp) / SCALES / 2]
    theirs = CARS(alpha=alpha).fit(X, y)
    np.testing.assert_allclose(theirs.predict(X), mpg_bs.fitted_values, rtol=0, atol=1e-6)
    np.testing.assert_allclose(theirs.edf_[2:], mpg_bs.edf, rtol=1e-6)
    assert theirs.scale_ == pytest.approx(mpg_bs.scale, rel=1e-7)
    assert gcv_of(theirs, X, y) == pytest.approx(mpg_bs.gcv_ubre, rel=1e-8)
    ours = CARS(alpha="gcv").fit(X, y)
    assert gcv_of(ours, X, y) < mpg_bs.gcv_ubre


def test_standard_errors_are_mgcvs(cars):
    X, y = cars
    alpha = [0, 0, *np.array(mpg_bs.sp) / SCALES / 2]
    std = CARS(alpha=alpha).fit(X, y).predict(X, return_std=True)[1]
    # R's hat matrix has each row's share of its own fit, which is its variance over the scale.
    np.testing.assert_allclose(std**2 / mpg_bs.scale, mpg_bs.hat, rtol=1e-5)


def test_poisson_is_mgcvs(cars):
    X, y = cars
    mgcvs = np.array(mpg_bs_poisson.sp) / SCALES / 2
    at = CARS(alpha=[0, 0, *mgcvs], family="poisson").fit(X, y)
    np.testing.assert_allclose(at.predict(X), mpg_bs_poisson.fitted_values, rtol=1e-6)
    np.testing.assert_allclose(at.edf_[2:], mpg_bs_poisson.edf, rtol=1e-5)
    # Theirs is of the deviance itself, ours of the last step's least squares, as in their bam().
    selected = CARS(alpha="gcv", family="poisson").fit(X, y)
    np.testing.assert_allclose(selected.alpha_[2:], mgcvs, rtol=0.05)
    np.testing.assert_allclose(selected.predict(X), mpg_bs_poisson.fitted_values, rtol=2e-3)


def test_reml_is_the_restricted_likelihood(bumps):
    """The criterion from its definition: the density of y, its trend's coefficients integrated."""
    X, y = bumps
    ours = GAMRegressor(df=12, alpha="reml").fit(X, y)
    smoother = BSplines(X, df=[12], degree=[3])
    values, vectors = np.linalg.eigh(smoother.penalty_matrices[0])
    bent = values > 1e-9 * values.max()
    free = np.column_stack((np.ones(len(y)), smoother.basis @ vectors[:, ~bent]))
    random = smoother.basis @ vectors[:, bent] / np.sqrt(values[bent])

    def minus_likelihood(logarithm):
        """Patterson and Thompson's, at the scale's own estimate."""
        covariance = np.eye(len(y)) + random @ random.T / (2 * np.exp(logarithm))
        inverse = np.linalg.inv(covariance)
        information = free.T @ inverse @ free
        left = inverse - inverse @ free @ np.linalg.solve(information, free.T @ inverse)
        determinants = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
        return (len(y) - free.shape[1]) * np.log(y @ left @ y) + determinants

    found = minimize_scalar(minus_likelihood, bounds=(-5, 20), method="bounded")
    assert np.log(ours.alpha_[0]) == pytest.approx(found.x, abs=1e-3)


def test_a_line_gets_a_line_and_noise_nothing_of_a_curve(additive):
    X, y = additive
    model = GAMRegressor(alpha="reml").fit(X, y)
    assert model.edf_[2] == pytest.approx(1.0, abs=1e-2)
    assert model.edf_[0] > 4
    assert model.score(X, y) > 0.99


def test_exact_targets(additive):
    X = additive.X
    for y in (np.zeros(300), 2 * X[:, 0] - 1):
        for method in ("gcv", "reml"):
            model = GAMRegressor(df=8, alpha=method).fit(X, y)
            np.testing.assert_allclose(model.predict(X), y, rtol=0, atol=1e-9)
