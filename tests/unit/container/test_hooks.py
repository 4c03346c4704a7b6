"""Loading the user's file: what is taken from it, and what is refused."""

import sys

import pytest

from serving import hooks
from serving.errors import StartError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file of hooks under a name that no other test has imported."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "modules", sys.modules.copy())

    def write(text, name="logic.py"):
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_takes_the_hooks_there_are(write):
    folder = write("def model_fn(d): return d\ndef predict_fn(data, model): return model\nx = 1")
    loaded = hooks.load(folder, "logic.py")
    assert hooks.load_model(loaded, folder) == str(folder)
    assert loaded.predict_fn is not None
    assert loaded.predict_fn(1, 2) == 2
    assert (loaded.input_fn, loaded.output_fn, loaded.transform_fn) == (None, None, None)


def test_modules_beside_the_file_can_be_imported(write):
    write("NAME = 'beside'", "helper_of_logic.py")
    folder = write("from helper_of_logic import NAME\ndef model_fn(model_dir): return NAME")
    assert hooks.load_model(hooks.load(folder, "logic.py"), folder) == "beside"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1", "has no model_fn"),
        ("import no_such_module", "can't be imported: ModuleNotFoundError: No module named"),
        ("def model_fn(:", "can't be imported: SyntaxError"),
        ("def model_fn(): pass", r"model_fn\(\) must be model_fn\(model_dir\)"),
        ("model_fn = 3", r"model_fn must be a function: model_fn\(model_dir\)"),
        (
            "def model_fn(d): pass\ndef predict_fn(data): pass",
            r"predict_fn\(data\) must be predict_fn\(data, model\)",
        ),
        (
            "def model_fn(d): pass\ndef transform_fn(m, i, c, a): pass\ndef input_fn(i, c): pass",
            "has transform_fn, which can't be used beside input_fn",
        ),
    ],
)
def test_file_that_cant_be_used(write, text, sentence):
    with pytest.raises(StartError, match=sentence):
        hooks.load(write(text), "logic.py")


def test_missing_file_names_the_variable(tmp_path):
    with pytest.raises(StartError, match=r"No logic.py in .*SAGEMAKER_PROGRAM"):
        hooks.load(tmp_path, "logic.py")


def test_model_that_cant_be_loaded(write):
    folder = write("def model_fn(model_dir): open(model_dir + '/model.bin')")
    with pytest.raises(StartError, match=r"model_fn can't load the model .*FileNotFoundError"):
        hooks.load_model(hooks.load(folder, "logic.py"), folder)


def test_a_pointer_of_git_lfs_is_told_as_one(write):
    folder = write("import joblib\ndef model_fn(model_dir): joblib.load(model_dir + '/model.bin')")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    (folder / "model.bin").write_text(pointer)
    with pytest.raises(StartError, match=r"KeyError: 118. model.bin is a Git LFS pointer and not"):
        hooks.load_model(hooks.load(folder, "logic.py"), folder)


@pytest.mark.parametrize(
    "text", ["import sys; sys.exit('no')", "def model_fn(d): raise SystemExit(3)"]
)
def test_a_program_that_exits_cant_be_used(write, text):
    folder = write(text)
    with pytest.raises(StartError, match=r"can't .*: SystemExit: (no|3)"):
        hooks.load_model(hooks.load(folder, "logic.py"), folder)


def test_model_fn_that_returns_none(write):
    folder = write("def model_fn(model_dir): pass")
    with pytest.raises(StartError, match="it returned None"):
        hooks.load_model(hooks.load(folder, "logic.py"), folder)
