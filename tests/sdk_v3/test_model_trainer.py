"""`sagemaker.train.ModelTrainer`: with an image, and with `SourceCode`."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from sagemaker.core.helper.iam_role_resolver import RoleValidationError
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode, Tag

from tests.sdk_v3 import support

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import json, os, pathlib, sys

if "--fail" in os.environ["SM_HPS"]:
    sys.exit("the script failed")
names = ("SM_HPS", "SM_CHANNEL_TRAIN", "SM_CURRENT_HOST", "SM_HOSTS", "TRAINING_JOB_NAME", "EXTRA")
seen = {name: os.environ.get(name) for name in names}
seen["train"] = sorted(path.name for path in pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir())
pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(seen))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "notes.txt").write_text("beside the model")
print("rows:", len(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv").read_text().split()))
"""


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the SDK logs, container output included."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def trainer(image: str, role: str | None, **members: Any) -> ModelTrainer:
    compute = Compute(instance_type=support.INSTANCE, instance_count=1, volume_size_in_gb=5)
    return ModelTrainer(training_image=image, role=role, compute=compute, **members)


def inputs(folders: Path, *names: str) -> list[InputData]:
    return [InputData(channel_name=name, data_source=str(folders / name)) for name in names]


def test_an_image_trains(image, role, folders, name, log):
    model = trainer(
        image, role, base_job_name=name, hyperparameters=support.HYPERPARAMETERS
    ).with_metric_definitions(support.METRICS)
    model.train(input_data_config=inputs(folders, "train", "test"))

    job = model._latest_training_job
    assert job.training_job_status == "Completed"
    assert support.metrics(job) == {
        "train:r2": pytest.approx(support.TRAIN_R2, abs=support.TOLERANCE),
        "test:r2": pytest.approx(support.TEST_R2, abs=support.TOLERANCE),
    }
    assert "train:r2=0.9967" in log.text  # the container's own line
    assert "model.joblib" in support.unpack(job.model_artifacts.s3_model_artifacts)


def test_source_code_runs_in_the_image(image, role, folders, name, script, log):
    model = trainer(
        image,
        role,
        base_job_name=name,
        source_code=SourceCode(source_dir=str(script), entry_script="train.py"),
        hyperparameters={"df": 20, "kind": "cubic"},
        environment={"EXTRA": "of the job"},
    )
    model.train(input_data_config=inputs(folders, "train"))

    job = model._latest_training_job
    assert job.training_job_status == "Completed"
    seen = json.loads(support.unpack(job.model_artifacts.s3_model_artifacts)["seen.json"])
    assert json.loads(seen.pop("SM_HPS")) == {"df": 20, "kind": "cubic"}
    assert json.loads(seen.pop("SM_HOSTS")) == ["algo-1"]
    assert seen == {
        "SM_CHANNEL_TRAIN": "/opt/ml/input/data/train",
        "SM_CURRENT_HOST": "algo-1",
        "TRAINING_JOB_NAME": job.training_job_name,
        "EXTRA": "of the job",
        "train": ["train.csv"],
    }
    assert support.unpack(model.output_data) == {"notes.txt": b"beside the model"}
    assert "rows: 187" in log.text


def test_a_command_with_requirements_and_arguments_runs(image, role, name, tmp_path, log):
    (tmp_path / "requirements.txt").write_text("numpy\n")  # is there: nothing is downloaded
    model = trainer(
        image,
        role,
        base_job_name=name,
        source_code=SourceCode(
            source_dir=str(tmp_path),
            requirements="requirements.txt",
            command='python3 -c "import numpy; print(6 * 7)"',
        ),
    )
    model.train()

    assert model._latest_training_job.training_job_status == "Completed"
    assert ":\n42\n" in log.text


def test_a_script_that_fails_says_why(image, role, folders, name, script, log):
    model = trainer(
        image,
        role,
        base_job_name=name,
        source_code=SourceCode(source_dir=str(script), entry_script="train.py"),
        hyperparameters={"--fail": "yes"},
    )
    with pytest.raises(FailedStatusError, match="exit code: 1") as failure:
        model.train(input_data_config=inputs(folders, "train"))
    assert "AlgorithmError" in str(failure.value)
    assert "the script failed" in log.text


def test_an_image_that_does_not_exist_is_refused(role, folders, name):
    model = trainer("harness-no-such-image.invalid/x:1", role, base_job_name=name)
    with pytest.raises(ClientError, match="Cannot find the requested image: harness-no-such"):
        model.train(input_data_config=inputs(folders, "train"))


def test_a_role_that_does_not_exist_is_refused(image):
    with pytest.raises(ValueError, match="no-such-role"):
        trainer(image, "no-such-role")


def test_a_role_without_permissions_is_refused(image, name):
    role = support.create_role(name)
    with pytest.raises(RoleValidationError, match="cannot be used for 'training' workloads"):
        trainer(image, role)


def test_without_a_role_the_callers_own_is_taken(image):
    assert trainer(image, None).role.endswith(":role/harness")


def test_a_job_is_tagged(image, role, name):
    source = SourceCode(command="true")
    model = trainer(image, role, base_job_name=name, source_code=source)
    model.tags = [Tag(key="team", value="gam")]
    model.train(wait=False)

    job = model._latest_training_job
    tags = boto3.client("sagemaker").list_tags(ResourceArn=job.training_job_arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "gam"}]
    job.wait(poll=1, timeout=support.WAIT)
    assert job.training_job_status == "Completed"
