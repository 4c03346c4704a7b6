"""What a command line gives to check an image with."""

import json

import pytest

from harness.check import inputs
from harness.errors import ConfigError


def test_hyperparameters_are_strings_as_the_sdk_encodes_them():
    text = '{"name": "train.csv", "df": 20, "alpha": 1.0, "sizes": [1, 2], "fast": true}'
    assert inputs.hyperparameters(text) == {
        "name": "train.csv",
        "df": "20",
        "alpha": "1.0",
        "sizes": "[1, 2]",
        "fast": "true",
    }


def test_hyperparameters_may_be_in_a_file(tmp_path):
    file = tmp_path / "hyperparameters.json"
    file.write_text(json.dumps({"epochs": 3}))
    assert inputs.hyperparameters(str(file)) == {"epochs": "3"}


@pytest.mark.parametrize(
    "text", ['{"epochs": ', "no-such-file.json", "[1]", '{"a": ' + "[" * 100_000]
)
def test_hyperparameters_that_are_no_object_are_refused(text):
    with pytest.raises(ConfigError, match="--hyperparameters"):
        inputs.hyperparameters(text)


def test_channels_are_named_or_train(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("1")
    found = inputs.channels([str(tmp_path / "a.csv"), f"test={tmp_path / 'b.csv'}"])
    assert found == {"train": tmp_path / "a.csv", "test": tmp_path / "b.csv"}


def test_a_channel_is_not_named_twice(tmp_path):
    with pytest.raises(ConfigError, match="'train' twice"):
        inputs.channels([str(tmp_path), f"train={tmp_path}"])


def test_a_channel_is_there(tmp_path):
    with pytest.raises(ConfigError, match="no file or folder"):
        inputs.channels([f"train={tmp_path / 'none'}"])


def test_a_payload_has_a_content_type(tmp_path):
    file = tmp_path / "row.csv"
    file.write_bytes(b"100\n")
    with pytest.raises(ConfigError, match="--content-type"):
        inputs.of_arguments([], None, file, None, None)
    with pytest.raises(ConfigError, match="--payload"):
        inputs.of_arguments([], None, None, "text/csv", None)
    assert inputs.of_arguments([], None, file, "text/csv", None).payload == b"100\n"


def test_a_model_is_a_tar(tmp_path):
    (tmp_path / "model").write_text("junk")
    for path, says in ((tmp_path / "model", "is no tar"), (tmp_path / "none", "there is no file")):
        with pytest.raises(ConfigError, match=f"^--model: .*{says}"):
            inputs.of_arguments([], None, None, None, path)
