"""What `ModelTrainer` asks of a training job beyond one host and one channel."""

from __future__ import annotations

import json

import pytest
from sagemaker.core.analytics import TrainingJobAnalytics
from sagemaker.core.shapes import CheckpointConfig
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, MetricDefinition, SourceCode

from tests.sdk_v3 import support

HOSTS = """
import json, os, pathlib, socket

for host in json.loads(os.environ["SM_HOSTS"]):
    socket.gethostbyname(host)
me = os.environ["SM_CURRENT_HOST"]
pathlib.Path(os.environ["SM_MODEL_DIR"], f"{me}.json").write_text(os.environ["SM_HOSTS"])
"""

PIPES = """
import json, os, pathlib

import numpy as np

channel = os.environ["SM_CHANNEL_TRAIN"]
means = []
for epoch in range(3):
    with open(f"{channel}_{epoch}") as pipe:
        means.append(np.loadtxt(pipe, delimiter=",").mean(axis=0).tolist())
pathlib.Path(os.environ["SM_MODEL_DIR"], "means.json").write_text(json.dumps(means))
"""


def compute(**members) -> Compute:
    one = {"instance_type": support.INSTANCE, "instance_count": 1, "volume_size_in_gb": 5}
    return Compute(**(one | members))


def test_two_hosts_train_together(image, role, name, tmp_path):
    (tmp_path / "train.py").write_text(HOSTS)
    model = ModelTrainer(
        training_image=image,
        role=role,
        base_job_name=name,
        compute=compute(instance_count=2),
        source_code=SourceCode(source_dir=str(tmp_path), entry_script="train.py"),
    )
    model.train()

    job = model._latest_training_job
    assert job.training_job_status == "Completed"
    files = support.unpack(job.model_artifacts.s3_model_artifacts)
    assert {file: json.loads(body) for file, body in files.items()} == {
        "algo-1.json": ["algo-1", "algo-2"],
        "algo-2.json": ["algo-1", "algo-2"],
    }


def test_a_script_reads_pipes(image, role, name, channels, data, tmp_path):
    (tmp_path / "train.py").write_text(PIPES)
    model = ModelTrainer(
        training_image=image,
        role=role,
        base_job_name=name,
        compute=compute(),
        training_input_mode="Pipe",
        source_code=SourceCode(source_dir=str(tmp_path), entry_script="train.py"),
    )
    model.train(input_data_config=channels[:1])  # in place of which `InputData` would ask for files

    job = model._latest_training_job
    assert job.training_job_status == "Completed"
    means = json.loads(support.unpack(job.model_artifacts.s3_model_artifacts)["means.json"])
    assert means == [pytest.approx(data.train.mean(axis=0).tolist())] * 3


def test_checkpoints_go_to_s3(image, role, bucket, name):
    uri = f"s3://{bucket}/{name}/checkpoints"
    model = ModelTrainer(
        training_image=image,
        role=role,
        base_job_name=name,
        compute=compute(),
        checkpoint_config=CheckpointConfig(s3_uri=uri, local_path="/opt/ml/checkpoints"),
        source_code=SourceCode(command="echo 7 > /opt/ml/checkpoints/step.txt"),
    )
    model.train()

    assert model._latest_training_job.training_job_status == "Completed"
    assert support.read(f"{uri}/step.txt") == b"7\n"


def test_metrics_are_a_data_frame(image, role, name):
    model = ModelTrainer(
        training_image=image,
        role=role,
        base_job_name=name,
        source_code=SourceCode(command="for i in 3 2; do echo loss=$i\\;; sleep 1; done"),
    ).with_metric_definitions([MetricDefinition(name="loss", regex="loss=([0-9]+);")])
    model.train()

    job = model._latest_training_job
    assert support.metrics(job) == {"loss": 2}
    frame = TrainingJobAnalytics(job.training_job_name, metric_names=["loss"]).dataframe()
    assert set(frame["metric_name"]) == {"loss"}
    assert frame["value"].iloc[-1] == pytest.approx(2.5, abs=0.51)  # a mean over its period
