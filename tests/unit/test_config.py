"""harness.toml, the variables on top of it, and what is refused."""

import re
import tomllib
from pathlib import Path

import pytest

from harness.config.settings import Settings, load
from harness.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "harness.toml"
        file.write_text(text)
        return file

    return write


def test_the_committed_file_names_every_key_with_its_default():
    file = REPOSITORY / "harness.toml"

    assert load(file, {}) == Settings(root=REPOSITORY)
    in_file = tomllib.loads(file.read_text())
    in_code = Settings().model_dump(exclude={"root"})
    assert {k: set(v) if isinstance(v, dict) else None for k, v in in_file.items()} == {
        k: set(v) if isinstance(v, dict) else None for k, v in in_code.items()
    }


def test_without_a_file_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert load(environ={}) == Settings(root=tmp_path)


def test_the_nearest_file_upwards_is_taken(write, tmp_path, monkeypatch):
    write('region = "eu-west-1"')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    settings = load(environ={})

    assert (settings.region, settings.root) == ("eu-west-1", tmp_path)


def test_harness_config_names_the_file(write):
    file = write("[hyperparameters]\ndf = 12")

    assert load(environ={"HARNESS_CONFIG": str(file)}).hyperparameters.df == 12


def test_variables_come_before_the_file(write):
    file = write("[thresholds]\ntrain_r2 = 0.5\ntest_r2 = 0.25")
    environ = {
        "HARNESS_THRESHOLDS_TRAIN_R2": "0.75",
        "HARNESS_TARGET": "aws",
        "HARNESS_AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/path/SageMaker",
        "HARNESS_TRAINING_MAX_RUNTIME_SECONDS": "60",
        "HARNESS_NO_ENGINE_SETUP": "1",
        "HARNESS_HOST": "mine",
        "PATH": "/bin",
    }

    settings = load(file, environ)

    assert (settings.thresholds.train_r2, settings.thresholds.test_r2) == (0.75, 0.25)
    assert settings.place is settings.aws
    assert settings.place.role_arn == "arn:aws:iam::111122223333:role/path/SageMaker"
    assert settings.training.max_runtime_seconds == 60


def test_both_targets_have_what_the_flow_reads():
    for target in ("local", "aws"):
        place = Settings(target=target).place
        assert place.poll_seconds > 0
        assert isinstance(place.role_arn, str)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 1", "colour"),
        ("[thresholds]\ntrain = 0.9", "thresholds.train"),
        ("[training]\nspots = true", "training.spots"),
        ('root = "/"', "root"),
        ('target = "gcp"', "target"),
        ('region = "Frankfurt"', "region"),
        ("thresholds = 1", "thresholds"),
        ("[thresholds]\ntest_r2 = 1.01", "thresholds.test_r2"),
        ("[thresholds]\ntest_r2 = nan", "thresholds.test_r2"),
        ("[hyperparameters]\ndf = 0", "hyperparameters.df"),
        ("[hyperparameters]\ndf = 12.5", "hyperparameters.df"),
        ("[hyperparameters]\nalpha = -1.0", "hyperparameters.alpha"),
        ("[hyperparameters]\nalpha = inf", "hyperparameters.alpha"),
        ("[hyperparameters]\ndf = 3\ndegree = 3", "hyperparameters"),
        ('[image]\nname = "Harness GAM"', "image.name"),
        ('[training]\ninstance_type = "m5.large"', "training.instance_type"),
        ("[training]\nmax_runtime_seconds = 0", "training.max_runtime_seconds"),
        ("[training]\nspot = true\nmax_wait_seconds = 60", "training"),
        ("[endpoint]\ninstance_count = 3\nmax_instance_count = 2", "endpoint"),
        ("[endpoint]\nstartup_timeout_seconds = 59", "endpoint.startup_timeout_seconds"),
        ('[aws]\nrole_arn = "SageMakerExecution"', "aws.role_arn"),
        ('[aws]\nbucket = "My_Bucket"', "aws.bucket"),
        ('[aws]\nprefix = "/harness/"', "aws.prefix"),
        ('[local]\nbucket = ""', "local.bucket"),
        ("[local]\npoll_seconds = 0.0", "local.poll_seconds"),
        ('[aws]\nrepository = "x"', "aws.repository"),
        ('[aws]\nrepository = "Harness"', "aws.repository"),
        ('[local]\nendpoint_url = "localhost:4566"', "local.endpoint_url"),
        ('[local]\nregistry = "http://localhost:5000"', "local.registry"),
        ('[local]\nregistry = "localhost"', "local.registry"),
    ],
)
def test_what_makes_no_sense_is_refused_by_file_and_key(write, text, key):
    file = write(text)

    with pytest.raises(ConfigError, match=f"^{re.escape(f'{file}: {key}')}( =|:) "):
        load(file, {})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HARNESS_COLOUR", "1"),
        ("HARNESS_THRESHOLD_TRAIN_R2", "0.9"),
        ("HARNESS_THRESHOLDS_TRAIN", "0.9"),
        ("HARNESS_THRESHOLDS", "0.9"),
        ("HARNESS_ROOT", "/"),
        ("HARNESS_THRESHOLDS_TRAIN_R2", "high"),
        ("HARNESS_TARGET", "gcp"),
        ("HARNESS_HYPERPARAMETERS_DF", "3"),
    ],
)
def test_what_makes_no_sense_is_refused_by_variable(write, variable, value):
    with pytest.raises(ConfigError, match=f"^{variable}\\b"):
        load(write(""), {variable: value})


def test_all_that_is_wrong_is_said_at_once(write):
    file = write("colour = 1\n[thresholds]\ntrain_r2 = 2.0")

    with pytest.raises(ConfigError) as refusal:
        load(file, {"HARNESS_REGION": "?"})

    assert all(
        name in str(refusal.value) for name in ("colour", "train_r2 = 2.0", "HARNESS_REGION")
    )


def test_a_section_that_is_no_table_is_refused_even_with_a_variable_in_it(write):
    with pytest.raises(ConfigError, match="thresholds"):
        load(write("thresholds = 1"), {"HARNESS_THRESHOLDS_TRAIN_R2": "0.5"})


def test_a_missing_or_broken_file_is_a_sentence(tmp_path, write):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: can't be read: No such file"):
        load(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match=r"harness\.toml: is not valid TOML: .*line 1"):
        load(write("target = local"), {})
