"""What joblib saves, and what loading it takes."""

import pickle
import pickletools
import subprocess
import sys

import joblib
import numpy as np
import pytest

from gam_model import GAMClassifier, GAMRegressor

KIB = 1024


@pytest.fixture
def saved(bumps, tmp_path):
    model = GAMRegressor(df=20).fit(*bumps)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    return model, path


def test_round_trip(bumps, saved):
    model, path = saved
    loaded = joblib.load(path)
    X = np.vstack([bumps.X, [[-10.0]], [[1000.0]]])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.summary == model.summary
    assert loaded.get_params() == model.get_params()
    assert loaded.n_features_in_ == 1
    loaded.fit(*bumps)


def test_what_is_said_about_a_prediction_is_saved(bumps, saved):
    model, path = saved
    loaded = joblib.load(path)
    for ours, theirs in zip(
        (*loaded.predict(bumps.X, return_std=True), *loaded.partial_dependence(0)),
        (*model.predict(bumps.X, return_std=True), *model.partial_dependence(0)),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert (loaded.alpha_, loaded.scale_) == (model.alpha_, model.scale_)


def test_only_this_package_and_numpy_are_named_in_a_pickle(bumps):
    """What a pickle names is imported, and called, by whoever loads it."""
    kinds: list[GAMRegressor | GAMClassifier] = [
        GAMRegressor(alpha="reml").fit(*bumps),
        GAMRegressor(family="poisson", terms="linear").fit(bumps.X, np.round(bumps.y.clip(0))),
        GAMClassifier(terms="factor").fit(np.round(bumps.X / 50), bumps.y > 60),
    ]
    for model in kinds:
        opcodes = list(pickletools.genops(pickle.dumps(model, protocol=2)))
        named = {str(word).split()[0] for code, word, _ in opcodes if code.name == "GLOBAL"}
        packages = {name.partition(".")[0] for name in named}
        assert packages <= {"gam_model", "numpy", "_codecs", "copy_reg", "copyreg", "builtins"}


def test_size_does_not_depend_on_the_rows(bumps, saved, tmp_path):
    rng = np.random.default_rng(5)
    x = rng.uniform(1, 250, 100_000)
    y = np.sin(x / 20) + rng.normal(0, 0.1, len(x))
    joblib.dump(GAMRegressor(df=20).fit(x[:, None], y), tmp_path / "large.joblib")
    small, large = (path.stat().st_size for path in (saved[1], tmp_path / "large.joblib"))
    assert large < 64 * KIB
    assert abs(large - small) < 100


def test_no_training_row_is_saved(bumps, saved):
    """The smallest and the largest x are knots, and quantiles may be rows; no other row is kept."""
    content = saved[1].read_bytes()
    kept = [x for x in bumps.X[:, 0] if x.tobytes() in content]
    assert len(kept) <= len(saved[0].curves_[0].breaks)
    assert not any(y.tobytes() in content for y in bumps.y)


def test_loading_and_predicting_import_numpy_alone(saved):
    program = (
        "import sys, joblib, numpy\n"
        f"model = joblib.load({str(saved[1])!r})\n"
        "model.predict(numpy.array([[2.0], [1000.0]]))\n"
        "model.summary\n"
        "try: model.predict(numpy.array([[2.0, 3.0]]))\n"
        "except ValueError: pass\n"
        "heavy = {'pandas', 'scipy', 'sklearn', 'statsmodels'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
