"""What is written for the SDK's local mode, with the one import changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.transformer import Transformer

from examples.gauss3 import gauss3 as dataset
from harness import LocalSession
from harness.errors import ConfigError
from tests.sdk_v2 import notebook

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 20
"""That a job of some 6 s may take on a busy machine, with its wait: with the SDK's steps, 47."""


@pytest.fixture
def session(environment):
    """The running service is found: nothing is said of it."""
    session = LocalSession()
    assert session.endpoint_url == environment["AWS_ENDPOINT_URL"]
    session.config = {"local": {"local_code": True}}
    return session


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    data = dataset.split()
    for name, x, y in (
        ("train", data.x_train, data.y_train),
        ("test", data.x_test, data.y_test),
    ):
        (tmp_path / name).mkdir()
        np.savetxt(tmp_path / name / f"gauss3_{name}.csv", np.c_[x[:, 0], y], delimiter=",")
    return {name: f"file://{tmp_path / name}" for name in ("train", "test")}


def estimator(session, image: str, **options) -> Estimator:
    return Estimator(
        image_uri=image,
        role=notebook.ROLE,
        instance_count=1,
        instance_type="local",
        hyperparameters=notebook.HYPERPARAMETERS | options,
        metric_definitions=notebook.METRICS,
        sagemaker_session=session,
    )


def test_train_deploy_and_predict(session, image, folders, capsys):
    made = estimator(session, image)
    begun = time.monotonic()
    made.fit(folders)
    assert time.monotonic() - begun < SECONDS
    assert "train:r2=" in capsys.readouterr().out
    described = made.latest_training_job.describe()
    assert described["ResourceConfig"]["InstanceType"] == "ml.m5.4xlarge"

    predictor = made.deploy(initial_instance_count=1, instance_type="local")
    try:
        assert (
            session.sagemaker_client.describe_endpoint(EndpointName=predictor.endpoint_name)[
                "EndpointStatus"
            ]
            == "InService"
        )
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def test_a_single_url_is_the_training_channel(session, image, folders):
    made = estimator(session, image)
    with pytest.raises(UnexpectedStatusException):  # the GAM's has another name
        made.fit(folders["train"], logs="None")
    (channel,) = made.latest_training_job.describe()["InputDataConfig"]
    assert channel["ChannelName"] == "training"
    assert channel["DataSource"]["S3DataSource"]["S3Uri"].startswith("s3://harness-local/")


def test_a_failed_job_raises_as_in_the_sdk(session, image, folders):
    made = estimator(session, image, df="many")
    with pytest.raises(UnexpectedStatusException, match="AlgorithmError"):
        made.fit(folders)


def test_a_model_and_a_transform_of_files(session, image, folders, tmp_path):
    made = estimator(session, image)
    made.fit(folders, logs="None")
    archive = tmp_path / "model.tar.gz"
    bucket, _, key = made.model_data.removeprefix("s3://").partition("/")
    session.s3_client.download_file(bucket, key, str(archive))
    model = Model(
        image_uri=image,
        model_data=f"file://{archive}",
        role=notebook.ROLE,
        sagemaker_session=session,
    )
    model.create(instance_type="local")
    data = dataset.split()
    np.savetxt(tmp_path / "rows.csv", data.x_test, delimiter=",")
    transformer = Transformer(
        model_name=model.name,
        instance_count=1,
        instance_type="local",
        strategy="MultiRecord",
        assemble_with="Line",
        accept="text/csv",
        sagemaker_session=session,
    )
    begun = time.monotonic()
    transformer.transform(
        f"file://{tmp_path / 'rows.csv'}", content_type="text/csv", split_type="Line"
    )
    transformer.wait()
    assert time.monotonic() - begun < SECONDS
    bucket, _, prefix = transformer.output_path.removeprefix("s3://").partition("/")
    listed = session.s3_client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert [each["Key"].rpartition("/")[2] for each in listed] == ["rows.csv.out"]


def test_a_script_is_processed(session, image, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one")
    (tmp_path / "script.py").write_text(
        "import pathlib; found = pathlib.Path('/opt/ml/processing/in/a.txt').read_text()\n"
        "pathlib.Path('/opt/ml/processing/out/b.txt').write_text(found); print('copied', found)\n"
    )
    processor = ScriptProcessor(
        role=notebook.ROLE,
        image_uri=image,
        command=["python3"],
        instance_count=1,
        instance_type="local",
        sagemaker_session=session,
    )
    processor.run(
        str(tmp_path / "script.py"),
        inputs=[ProcessingInput(f"file://{tmp_path / 'in'}", "/opt/ml/processing/in")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", output_name="out")],
    )
    assert "copied one" in capsys.readouterr().out
    kind = processor.latest_job.describe()["ProcessingResources"]["ClusterConfig"]["InstanceType"]
    assert kind == "ml.m5.4xlarge"


def test_a_folder_that_is_not_there_is_named(session, image, tmp_path):
    with pytest.raises(ConfigError, match=f"There is no file or folder {tmp_path}/nothing"):
        estimator(session, image).fit({"train": f"file://{tmp_path}/nothing"})


def test_another_s3_is_refused():
    with pytest.raises(ConfigError, match="s3_endpoint_url is http://elsewhere"):
        LocalSession(s3_endpoint_url="http://elsewhere")
