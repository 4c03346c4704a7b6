"""The server's environment variables."""

from pathlib import Path

import pytest
from joblib import cpu_count

from serving.errors import StartError
from serving.settings import Settings


def test_defaults_are_sagemakers():
    settings = Settings.from_environ({})
    assert settings == Settings(workers=cpu_count())
    assert settings.port == 8080
    assert settings.timeout == 60
    assert settings.default_accept == "application/json"
    assert settings.model_dir == Path("/opt/ml/model")
    assert settings.code_dir == Path("/opt/ml/code")
    assert settings.program == "model_logic.py"


def test_every_variable():
    settings = Settings.from_environ(
        {
            "SAGEMAKER_BIND_TO_PORT": "9000",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "3",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "20",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        }
    )
    assert settings == Settings(
        port=9000,
        workers=3,
        timeout=20,
        default_accept="text/csv",
        program="inference.py",
        code_dir=Path("/opt/ml/model/code"),
    )


S3 = "s3://bucket/sourcedir.tar.gz"


@pytest.fixture
def in_model(tmp_path):
    folder = tmp_path / "model" / "code"
    folder.mkdir(parents=True)
    return folder


def place(in_model, **environ):
    """Folder, file and archive of the program, with these variables."""
    base = str(in_model.parents[1])
    settings = Settings.from_environ({"SAGEMAKER_BASE_DIR": base, **environ})
    return settings.code_dir, settings.program, settings.submitted


def test_a_program_that_was_submitted_comes_before_any_other(in_model):
    own = in_model.parents[1] / "code"
    given = {"SAGEMAKER_SUBMIT_DIRECTORY": S3, "SAGEMAKER_PROGRAM": "train.py"}
    assert place(in_model, **given) == (own, "train.py", S3)
    (in_model / "train.py").touch()
    assert place(in_model, **given) == (in_model, "train.py", S3)

    archive = in_model.parent / "sourcedir.tar.gz"
    archive.touch()
    given["SAGEMAKER_SUBMIT_DIRECTORY"] = str(archive)
    assert place(in_model, **given) == (in_model, "train.py", str(archive))
    given["SAGEMAKER_SUBMIT_DIRECTORY"] = "/opt/ml/other"
    assert place(in_model, **given) == (Path("/opt/ml/other"), "train.py", "")


def test_a_program_that_came_with_the_model_serves(in_model):
    own = in_model.parents[1] / "code"
    assert place(in_model) == (own, "model_logic.py", "")
    assert place(in_model, DEFAULT_PROGRAM="model.py") == (own, "model.py", "")
    assert place(in_model, SAGEMAKER_PROGRAM="train.py") == (own, "train.py", "")

    (in_model / "train.py").write_text("def model_fn(model_dir):\n    return 1\n")
    (in_model / "helpers.py").write_text("def helper():\n    return 1\n")
    (in_model / "broken.py").write_text("def model_fn(")
    assert place(in_model) == (in_model, "train.py", "")
    assert place(in_model, SAGEMAKER_PROGRAM="train.py") == (in_model, "train.py", "")
    (in_model / "inference.py").write_text("from train import model_fn\n")
    assert place(in_model) == (in_model, "inference.py", "")
    (in_model / "model_logic.py").touch()
    assert place(in_model) == (in_model, "model_logic.py", "")


def test_several_programs_that_may_be_meant_are_refused(in_model):
    for name in ("one.py", "two.py"):
        (in_model / name).write_text("from three import load as model_fn\n")
    with pytest.raises(StartError, match=r"^one.py, two.py in .* SAGEMAKER_PROGRAM must name the"):
        place(in_model)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "65536"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "0"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "-1"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "1.5"),
    ],
)
def test_impossible_values_name_the_variable(name, value):
    with pytest.raises(StartError, match=f"{name} is '{value}'; it must be a whole number from 1"):
        Settings.from_environ({name: value})
