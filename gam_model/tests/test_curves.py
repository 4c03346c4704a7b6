import numpy as np
import pytest
from scipy.interpolate import splev

from gam_model.curves import Curve


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
