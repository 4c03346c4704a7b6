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


def test_submit_directory_in_s3_is_ignored():
    settings = Settings.from_environ({"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/source.tar.gz"})
    assert settings.code_dir == Path("/opt/ml/code")


def test_a_program_that_came_with_the_model_is_the_one_that_serves(tmp_path):
    environ = {"SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEMAKER_PROGRAM": "train.py"}
    own = tmp_path / "model" / "code"
    own.mkdir(parents=True)
    assert Settings.from_environ(environ).code_dir == tmp_path / "code"

    (own / "train.py").touch()
    assert Settings.from_environ(environ).code_dir == own
    environ["SAGEMAKER_SUBMIT_DIRECTORY"] = "s3://bucket/source.tar.gz"
    assert Settings.from_environ(environ).code_dir == own
    environ["SAGEMAKER_SUBMIT_DIRECTORY"] = "/opt/ml/other"
    assert Settings.from_environ(environ).code_dir == Path("/opt/ml/other")


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
