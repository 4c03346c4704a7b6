import pickle

import numpy as np
import pytest
from scipy.interpolate import splev

from gam_model.curves import BLOCK, FEW, Curve, Curves


def bspline(degree, inner, seed=0):
    knots = np.concatenate(([0.0] * (degree + 1), inner, [10.0] * (degree + 1)))
    weights = np.random.default_rng(seed).normal(size=len(knots) - degree - 1)
    return knots, weights, degree


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
@pytest.mark.parametrize("inner", [[], [5.0], [1.0, 1.5, 4.0, 9.9], [3.0, 3.0, 7.0]])
def test_equals_the_bspline(degree, inner):
    spline = bspline(degree, inner)
    x = np.linspace(0, 10, 1001)
    np.testing.assert_allclose(Curve.from_bspline(*spline)(x), splev(x, spline), atol=1e-12)


@pytest.mark.parametrize("inner", [[0.0] * 5 + [4.0], [4.0] + [10.0] * 5, [4.0] * 5])
def test_equals_the_bspline_where_ties_in_the_data_repeat_knots(inner):
    spline = bspline(3, inner)
    x = np.linspace(0, 10, 1001)
    curve = Curve.from_bspline(*spline)
    np.testing.assert_allclose(curve(x), splev(x, spline), atol=1e-12)
    assert (np.diff(curve.breaks) > 0).all()


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
@pytest.mark.parametrize("gap", [(0.0, 1e-6), (9.999999, 10.0), (5.0, 5.0 + 1e-6), (2.0, 2.0)])
def test_keeps_its_digits_at_both_ends_of_a_wide_interval(degree, gap):
    """All other knots stand close together: in [-1e9, 10] or to either side of a gap."""
    low, high = gap
    inner = np.concatenate((low + np.linspace(0, 1e-7, 6), high + np.linspace(0, 1e-7, 6)))
    knots, weights, _ = bspline(degree, np.sort(inner.clip(0, 10)))
    spline = (knots, weights, degree)
    x = np.sort(np.concatenate((np.linspace(0, 10, 1001), inner, inner + 1e-8))).clip(0, 10)
    curve = Curve.from_bspline(*spline)
    np.testing.assert_allclose(curve(x), splev(x, spline), rtol=1e-9, atol=1e-9)
    assert (np.diff(curve.breaks) > 0).all()
    assert len(curve.anchors) == len(curve.breaks) + 1 == curve.coefficients.shape[1]


def test_continues_value_and_slope_of_the_ends():
    spline = bspline(3, [2.0, 6.0])
    curve = Curve.from_bspline(*spline)
    for end, outside in ((0.0, np.array([-1e-9, -1.0, -50.0])), (10.0, np.array([10.5, 80.0]))):
        line = splev(end, spline) + splev(end, spline, der=1) * (outside - end)
        np.testing.assert_allclose(curve(outside), line, rtol=1e-12)


def test_range_and_argument_stay_as_they_are():
    curve = Curve.from_bspline(*bspline(3, [2.0]))
    x = np.array([-1.0, 0.0, 5.0, 11.0])
    curve(x)
    assert (curve.lower, curve.upper) == (0.0, 10.0)
    assert x.tolist() == [-1.0, 0.0, 5.0, 11.0]


class TestCurves:
    @pytest.fixture
    def curves(self):
        """Curves of different degrees and numbers of knots."""
        splines = bspline(3, [2.0, 6.0]), bspline(5, [], 1), bspline(2, [1.0, 4.0, 4.5, 8.0], 2)
        return Curves(Curve.from_bspline(*spline) for spline in splines)

    @pytest.mark.parametrize("rows", [0, 1, 2, FEW, FEW + 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_sum_of_the_curves(self, curves, rows, order):
        X = np.asarray(np.random.default_rng(0).uniform(-3, 13, (rows, 3)), order=order)
        total = curves[0](X[:, 0]) + curves[1](X[:, 1]) + curves[2](X[:, 2])
        np.testing.assert_array_equal(curves(X), total)

    def test_at_the_knots(self, curves):
        X = np.tile(np.unique(np.concatenate([curve.breaks for curve in curves]))[:, None], 3)
        assert len(X) <= FEW
        one_by_one = [curves(row[None])[0] for row in X]
        np.testing.assert_array_equal(curves(X), one_by_one)
        np.testing.assert_array_equal(curves(np.tile(X, (FEW, 1)))[: len(X)], one_by_one)

    def test_one_curve(self):
        curve = Curve.from_bspline(*bspline(3, [2.0, 6.0]))
        X = np.linspace(-1, 12, 2 * BLOCK)[:, None]
        np.testing.assert_array_equal(Curves([curve])(X), curve(X[:, 0]))

    def test_a_pickle_holds_each_curve_once(self, curves):
        loaded = pickle.loads(pickle.dumps(curves))
        assert len(pickle.dumps(curves)) < len(pickle.dumps(tuple(curves))) + 100
        X = np.random.default_rng(0).uniform(-3, 13, (FEW, 3))
        np.testing.assert_array_equal(loaded(X), curves(X))
        assert loaded.lower.tolist() == [0.0, 0.0, 0.0]
        assert loaded.upper.tolist() == [10.0, 10.0, 10.0]
