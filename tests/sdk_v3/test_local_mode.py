"""What is written for the SDK's local mode, with the one import changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    ResourceConfig,
    StoppingCondition,
)
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

from harness import LocalSession
from tests.sdk_v3 import support

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sdk_v3.support import Data


@pytest.fixture(scope="module")
def local() -> LocalSession:
    """The running service is found: nothing is said of it."""
    session = LocalSession()
    assert session.endpoint_url == os.environ["AWS_ENDPOINT_URL"]
    return session


def test_a_script_is_processed_without_a_role(local, image, tmp_path: Path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one")
    (tmp_path / "script.py").write_text(
        "import pathlib; found = pathlib.Path('/opt/ml/processing/in/a.txt').read_text()\n"
        "pathlib.Path('/opt/ml/processing/out/b.txt').write_text(found); print('copied', found)\n"
    )
    processor = ScriptProcessor(
        image_uri=image,
        command=["python3"],
        instance_count=1,
        instance_type="local",
        sagemaker_session=local,
    )
    processor.run(
        code=str(tmp_path / "script.py"),
        inputs=[
            ProcessingInput(
                input_name="in",
                s3_input=ProcessingS3Input(
                    s3_uri=f"file://{tmp_path / 'in'}",
                    local_path="/opt/ml/processing/in",
                    s3_data_type="S3Prefix",
                    s3_input_mode="File",
                ),
            )
        ],
        outputs=[
            ProcessingOutput(
                output_name="out",
                s3_output=ProcessingS3Output(
                    s3_uri=f"s3://{local.default_bucket()}/out",
                    local_path="/opt/ml/processing/out",
                    s3_upload_mode="EndOfJob",
                ),
            )
        ],
    )
    name = processor.latest_job.processing_job_name
    described = local.sagemaker_client.describe_processing_job(ProcessingJobName=name)
    assert described["ProcessingResources"]["ClusterConfig"]["InstanceType"] == "ml.m5.4xlarge"
    assert described["ProcessingJobStatus"] == "Completed"
    local.logs_for_processing_job(name, wait=True)
    assert "copied one" in capsys.readouterr().out


def test_a_resource_takes_a_local_type(local, image, role, name, channels):
    job = TrainingJob.create(
        training_job_name=name,
        session=local.boto_session,
        algorithm_specification=AlgorithmSpecification(
            training_image=image, training_input_mode="File"
        ),
        role_arn=role,
        hyper_parameters={key: str(value) for key, value in support.HYPERPARAMETERS.items()},
        input_data_config=channels,
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{local.default_bucket()}/out"),
        resource_config=ResourceConfig(
            instance_type="local", instance_count=1, volume_size_in_gb=1
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=300),
    )
    local.logs_for_job(job.training_job_name, wait=True)
    job.refresh()
    assert job.training_job_status == "Completed"
    assert job.resource_config.instance_type == "ml.m5.4xlarge"


def test_files_are_transformed(local, image, role, trained, data: Data, name, tmp_path: Path):
    local.sagemaker_client.create_model(
        ModelName=name,
        ExecutionRoleArn=role,
        PrimaryContainer={
            "Image": image,
            "ModelDataUrl": trained.model_artifacts.s3_model_artifacts,
        },
    )
    np.savetxt(tmp_path / "rows.csv", data.test[:, :1], fmt="%.17g")
    transformer = Transformer(
        model_name=name,
        instance_count=1,
        instance_type="local",
        strategy="MultiRecord",
        assemble_with="Line",
        accept="text/csv",
        output_path=f"s3://{local.default_bucket()}/{name}/out",
        sagemaker_session=local,
    )
    transformer.transform(
        f"file://{tmp_path / 'rows.csv'}", content_type="text/csv", split_type="Line"
    )
    transformer.wait()
    answer = support.read(f"s3://{local.default_bucket()}/{name}/out/rows.csv.out")
    assert len(answer.split()) == len(data.test)


def test_a_model_trainer_trains(local, image, role, folders: Path, name):
    trainer = ModelTrainer(
        training_image=image,
        role=role,
        compute=Compute(instance_type="local", instance_count=1),
        base_job_name=name,
        hyperparameters=support.HYPERPARAMETERS,
        sagemaker_session=local,
    )
    trainer.train(
        input_data_config=[
            InputData(channel_name=each, data_source=str(folders / each))
            for each in ("train", "test")
        ]
    )
    job = trainer._latest_training_job
    assert job.training_job_status == "Completed"
    assert job.resource_config.instance_type == "ml.m5.4xlarge"
