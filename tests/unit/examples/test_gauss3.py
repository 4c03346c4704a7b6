import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from statsmodels.gam.api import BSplines, GLMGam

from examples.gauss3 import gauss3 as dataset
from gam_model import GAMRegressor


def test_rows_and_parameters_give_the_certified_residuals():
    x, y = dataset.gauss3()
    residuals = y - dataset.certified_model(x)
    assert x.shape == (250, 1)
    assert y.shape == (250,)
    # Ten digits of each parameter are certified, and eleven of the sum.
    assert (residuals**2).sum() == pytest.approx(
        dataset.CERTIFIED_RESIDUAL_SUM_OF_SQUARES, rel=1e-10
    )


def test_feature_counts_up():
    np.testing.assert_array_equal(dataset.gauss3()[0][:, 0], np.arange(1, 251))


@pytest.mark.parametrize(("test_size", "seed"), [(0.25, 42), (0.3, 0), (0.333, 7)])
def test_split_is_scikit_learns(test_size, seed):
    x_train, x_test, y_train, y_test = train_test_split(
        *dataset.gauss3(), test_size=test_size, random_state=np.random.RandomState(seed)
    )
    ours = dataset.split(test_size, seed)
    for array, theirs in zip(ours, (x_train, y_train, x_test, y_test), strict=True):
        np.testing.assert_array_equal(array, theirs)


def test_default_split_holds_out_a_quarter():
    split = dataset.split()
    assert (len(split.y_train), len(split.y_test)) == (187, 63)


def test_certified_model_on_the_split():
    split = dataset.split()
    train = r2_score(split.y_train, dataset.certified_model(split.x_train))
    test = r2_score(split.y_test, dataset.certified_model(split.x_test))
    assert (round(train, 5), round(test, 5)) == (0.99665, 0.99747)


def test_gam_reaches_the_published_r2():
    split = dataset.split()
    model = GAMRegressor(df=20, alpha=1.0, degree=3).fit(split.x_train, split.y_train)
    train = model.score(split.x_train, split.y_train)
    test = model.score(split.x_test, split.y_test)
    assert (round(train, 4), round(test, 4)) == (0.9967, 0.9972)
    assert (round(train, 5), round(test, 5)) == (0.99672, 0.99717)


def test_predictions_are_statsmodels_own():
    x, y = dataset.gauss3()
    smoother = BSplines(x, df=[20], degree=[3])
    theirs = GLMGam(y, exog=np.ones((len(y), 1)), smoother=smoother, alpha=1.0).fit()
    ours = GAMRegressor(df=20, alpha=1.0, degree=3).fit(x, y)
    np.testing.assert_allclose(ours.predict(x), theirs.fittedvalues, rtol=0, atol=1e-9)


def test_import_takes_numpy_alone():
    program = (
        "import sys; from examples.gauss3 import gauss3 as dataset; dataset.split(); "
        "sys.exit(str({'sklearn', 'scipy', 'pandas'} & set(sys.modules) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.stderr.strip() == ""
