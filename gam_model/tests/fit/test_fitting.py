"""The fit is statsmodels' own."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from statsmodels.gam.api import BSplines, GLMGam

from gam_model import GAMRegressor
from gam_model.bases import SplineBasis
from gam_model.fit import condensing, fitting
from gam_model.fit.penalty import make_penalty
from gam_model.parameters import Term


def statsmodels_fit(X, y, df, degree, alpha):
    X = np.asarray(X)
    smoother = BSplines(X, df=df, degree=degree)
    return GLMGam(y, exog=np.ones((len(y), 1)), smoother=smoother, alpha=alpha).fit()


def statsmodels_predict(results, X):
    return results.predict(exog=np.ones((len(X), 1)), exog_smooth=X)


def data(X, y):
    return fitting.Data(X, y, None, [f"x{index}" for index in range(X.shape[1])], "y")


def comparable(summary):
    """The lines without the time of the fit; statsmodels repeats a step that is exact at once."""
    varying = ("Date:", "Time:", "No. Iterations:")
    return [line for line in summary.splitlines() if not line.startswith(varying)]


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
@pytest.mark.parametrize("df", [6, 20, 60])
@pytest.mark.parametrize("alpha", [0.0, 1.0, 1e4])
def test_predictions_agree(bumps, df, degree, alpha):
    X, y = bumps
    model = GAMRegressor(df=df, degree=degree, alpha=alpha).fit(X, y)
    theirs = statsmodels_fit(X, y, [df], [degree], [alpha])
    grid = np.linspace(X.min(), X.max(), 5001)[:, None]
    # Theirs are 4e-9 from the exact solution at 60 functions and alpha=1e4, ours 1e-13.
    tolerance = 1e-9 if df * alpha < 1e5 else 1e-8
    np.testing.assert_allclose(
        model.predict(grid), statsmodels_predict(theirs, grid), rtol=0, atol=tolerance
    )


def test_predictions_agree_with_a_spline_per_feature(additive):
    X, y = additive
    df, degree, alpha = [8, 12, 5], [3, 2, 4], [1.0, 0.01, 100.0]
    model = GAMRegressor(df=df, degree=degree, alpha=alpha).fit(X, y)
    theirs = statsmodels_fit(X, y, df, degree, alpha)
    grid = np.random.default_rng(3).uniform(X.min(axis=0), X.max(axis=0), (5000, 3))
    np.testing.assert_allclose(
        model.predict(grid), statsmodels_predict(theirs, grid), rtol=0, atol=1e-9
    )
    assert model.score(X, y) > 0.98


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
@pytest.mark.parametrize("tied", ["lowest", "highest", "few values"])
def test_predictions_agree_on_ties(tied):
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 10, 200)
    x = {
        "lowest": np.where(x < 4, 0.0, x),
        "highest": np.where(x > 6, 10.0, x),
        "few values": np.floor(x / 2),
    }[tied]
    y = np.sin(x) + rng.normal(0, 0.1, 200)
    model = GAMRegressor().fit(x[:, None], y)
    theirs = statsmodels_fit(x[:, None], y, [15], [3], [1.0])
    np.testing.assert_allclose(
        model.predict(x[:, None]), statsmodels_predict(theirs, x[:, None]), rtol=0, atol=1e-9
    )


def test_summary_is_statsmodels_own(additive):
    X, y = additive
    ours = GAMRegressor(df=8, alpha=2.0).fit(X, y).summary
    theirs = str(statsmodels_fit(X, y, [8] * 3, [3] * 3, [2.0] * 3).summary())
    assert comparable(ours) == comparable(theirs)


@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("rows", [18, 40, 5000])
@pytest.mark.parametrize("repeated", [False, True])
def test_summary_is_statsmodels_own_for_few_and_for_many_rows(
    monkeypatch, rows, features, repeated
):
    """Condensed to fewer rows, or in several blocks, they are told and counted as they were."""
    monkeypatch.setattr(condensing, "BLOCK", 20_000)
    rng = np.random.default_rng(rows)
    X = rng.uniform(0, 3, (rows, features))
    if repeated:
        X = np.round(X, 1)
    y = 5 + np.sin(X).sum(axis=1) + rng.normal(0, 0.3, rows)
    model = GAMRegressor(df=6).fit(X, y)
    theirs = statsmodels_fit(X, y, [6] * features, [3] * features, [1.0] * features)
    assert f"No. Observations:{rows:>21}" in model.summary
    assert comparable(model.summary) == comparable(str(theirs.summary()))
    np.testing.assert_allclose(model.predict(X), theirs.fittedvalues, rtol=0, atol=1e-9)


def test_condensed_rows_keep_constant_and_cross_products(additive, monkeypatch):
    X, y = additive
    monkeypatch.setattr(condensing, "BLOCK", 1000)
    terms = [Term(8, 3, 1.0), Term(6, 2, 1.0), Term(9, 5, 1.0)]

    def respond(rows, design):
        design[:, -1] = y[rows]

    factor = condensing.condense(X, fitting.make_bases(data(X, y), terms), respond)
    condensed = condensing.with_constant(factor, len(y))
    basis = BSplines(X, df=[8, 6, 9], degree=[3, 2, 5]).basis
    full = np.column_stack((np.ones(len(y)), basis, y))
    assert condensed.shape == (full.shape[1], full.shape[1])
    assert (condensed[:, 0] == 1).all()
    np.testing.assert_allclose(
        condensed.T @ condensed * (len(full) / len(condensed)), full.T @ full, rtol=1e-12, atol=1e-9
    )


# Where ties repeat the last knot of degree 2, FITPACK sees a bend in a straight line.
@pytest.mark.parametrize(
    ("degree", "tied"), [(2, False), (3, False), (3, True), (4, True), (5, False), (5, True)]
)
def test_knots_and_penalty_are_statsmodels_own(additive, tied, degree):
    X = np.floor(additive.X) if tied else additive.X
    X = X[:, [0, 2]]
    terms = [Term(15, degree, 1.0), Term(6, degree, 1.0)]
    ours = fitting.make_bases(data(X, additive.y), terms)
    theirs = BSplines(X, df=[15, 6], degree=[degree, degree])
    for our, their in zip(ours, theirs.smoothers, strict=True):
        assert isinstance(our, SplineBasis)
        np.testing.assert_array_equal(our.knots, their.knots)
        penalty = make_penalty(our)
        root = penalty.weight(0.5) * penalty.root @ np.linalg.inv(penalty.turn)
        np.testing.assert_allclose(
            root.T @ root, their.cov_der2, rtol=0, atol=1e-12 * np.abs(their.cov_der2).max()
        )
        assert penalty.alpha(penalty.weight(3.0)) == pytest.approx(3.0)


def test_memory_does_not_grow_with_the_rows():
    def peak(rows):
        X = np.random.default_rng(0).uniform(0, 1, (rows, 4))
        y = np.sin(6 * X).sum(axis=1)
        tracemalloc.start()
        GAMRegressor(df=20).fit(X, y)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # imports
    few, many = peak(30_000), peak(120_000)
    # A design matrix of 90,000 more rows has 56 MB; a few copies of a column are allowed.
    assert many - few < 8 * 90_000 * 4


def test_summary_uses_the_names_of_a_frame(additive):
    frame = pd.DataFrame(additive.X, columns=["angle", "share", "weight"])
    summary = GAMRegressor().fit(frame, pd.Series(additive.y, name="yield")).summary
    assert "Dep. Variable:                  yield" in summary
    assert all(f"\n{name}_s0 " in summary for name in frame)


@pytest.mark.parametrize("target", ["zero", "constant", "line"])
def test_targets_that_fit_exactly(additive, target):
    X = additive.X
    y = {"zero": np.zeros(300), "constant": np.full(300, 7.0), "line": 2 * X[:, 0] - 1}[target]
    model = GAMRegressor().fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-12)
    assert "GLMGam" in model.summary
