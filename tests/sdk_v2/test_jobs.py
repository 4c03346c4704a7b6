"""What else the SDK does with the project's image: attach, analyse, transform, process."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import s3fs
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor, ScriptProcessor

from examples.gauss3 import gauss3 as dataset
from harness import LocalSession
from tests.sdk_v2 import notebook

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "sdk-v2/jobs"


@pytest.fixture(scope="module")
def trained(image, environment):
    """A trained estimator, for all tests of this module."""
    session = sagemaker.Session()
    channels = notebook.upload(session.default_bucket(), PREFIX)
    trained = notebook.estimator(session, image, PREFIX)
    trained.fit(channels, logs="None")
    return trained


def read(uri: str) -> bytes:
    return s3fs.S3FileSystem().cat_file(uri)


def test_a_job_is_attached_to_by_its_name(trained, session):
    attached = Estimator.attach(trained.latest_training_job.name, sagemaker_session=session)
    assert attached.model_data == trained.model_data
    assert attached.hyperparameters()["df"] == "20"


def test_the_metrics_of_a_job_are_a_data_frame(trained):
    frame = trained.training_job_analytics.dataframe()
    values = dict(zip(frame["metric_name"], frame["value"], strict=True))
    assert values["train:r2"] == pytest.approx(0.99672, abs=1e-5)
    assert values["test:r2"] == pytest.approx(0.99717, abs=1e-5)


def test_a_predictor_updates_its_endpoint(trained, environment):
    session = LocalSession(endpoint_url=environment["AWS_ENDPOINT_URL"])  # looks more often
    attached = Estimator.attach(trained.latest_training_job.name, sagemaker_session=session)
    predictor = notebook.deploy(attached)
    try:
        predictor.update_endpoint(initial_instance_count=2, instance_type=notebook.INSTANCE_TYPE)
        described = session.sagemaker_client.describe_endpoint(EndpointName=predictor.endpoint_name)
        assert described["EndpointStatus"] == "InService"
        assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        data = dataset.split()
        test = notebook.r_squared(data.y_test, predictor.predict(data.x_test))
        assert test == pytest.approx(0.99717, abs=1e-5)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def test_a_transformer_predicts_a_file(trained, session, prefix):
    data = dataset.split()
    bucket = session.default_bucket()
    with s3fs.S3FileSystem().open(f"{bucket}/{prefix}/in/test.csv", "w") as file:
        np.savetxt(file, data.x_test, delimiter=",")
    transformer = trained.transformer(
        instance_count=1,
        instance_type=notebook.INSTANCE_TYPE,
        strategy="MultiRecord",
        assemble_with="Line",
        accept="text/csv",
        output_path=f"s3://{bucket}/{prefix}/out",
    )
    try:
        transformer.transform(
            f"s3://{bucket}/{prefix}/in/", content_type="text/csv", split_type="Line"
        )
        transformer.wait(logs=False)
        answer = read(f"s3://{bucket}/{prefix}/out/test.csv.out").decode()
    finally:
        transformer.delete_model()
    predicted = np.loadtxt(io.StringIO(answer))
    assert notebook.r_squared(data.y_test, predicted) == pytest.approx(0.99717, abs=1e-5)


def test_a_processor_runs_a_command(image, session, prefix):
    bucket = session.default_bucket()
    channels = notebook.upload(bucket, prefix)
    program = (
        "import pathlib, sys; rows = pathlib.Path('/opt/ml/processing/in/gauss3_test.csv')"
        ".read_text().splitlines(); pathlib.Path('/opt/ml/processing/out/count.txt')"
        ".write_text(f'{sys.argv[1]} {len(rows)}')"
    )
    processor = Processor(
        role=notebook.ROLE,
        image_uri=image,
        instance_count=1,
        instance_type=notebook.INSTANCE_TYPE,
        entrypoint=["python3", "-c", program],
        sagemaker_session=session,
    )
    processor.run(
        inputs=[ProcessingInput(channels["test"], "/opt/ml/processing/in")],
        outputs=[
            ProcessingOutput("/opt/ml/processing/out", f"s3://{bucket}/{prefix}/out", "counts")
        ],
        arguments=["rows:"],
        logs=False,
    )
    assert read(f"s3://{bucket}/{prefix}/out/count.txt") == b"rows: 63"
    assert processor.latest_job.describe()["ProcessingJobStatus"] == "Completed"


def test_a_script_processor_runs_a_local_script(image, session, prefix, tmp_path: Path):
    script = tmp_path / "where.py"
    script.write_text(
        "import json, os, pathlib\n"
        "config = json.loads(pathlib.Path('/opt/ml/config/resourceconfig.json').read_text())\n"
        "out = pathlib.Path('/opt/ml/processing/out/where.json')\n"
        "said = {'host': config['current_host'], 'greeting': os.environ['GREETING']}\n"
        "out.write_text(json.dumps(said))\n"
    )
    bucket = session.default_bucket()
    processor = ScriptProcessor(
        role=notebook.ROLE,
        image_uri=image,
        command=["python3"],
        instance_count=1,
        instance_type=notebook.INSTANCE_TYPE,
        env={"GREETING": "hello"},
        sagemaker_session=session,
    )
    processor.run(
        str(script),
        outputs=[
            ProcessingOutput(
                source="/opt/ml/processing/out", destination=f"s3://{bucket}/{prefix}/out"
            )
        ],
        logs=False,
    )
    assert json.loads(read(f"s3://{bucket}/{prefix}/out/where.json")) == {
        "host": "algo-1",
        "greeting": "hello",
    }


PROGRAM = """
import os, pathlib, sys

def model_fn(model_dir):
    return pathlib.Path(model_dir, "weights").read_text()

def transform_fn(model, data, content_type, accept):
    import beside
    return f"{beside.WORD} {model}"

if __name__ == "__main__":
    pathlib.Path(os.environ["SM_MODEL_DIR"], "weights").write_text(" ".join(sys.argv[1:]))
"""


def test_an_estimators_own_program_trains_and_serves(image, session, prefix, tmp_path: Path):
    """`Estimator(entry_point=…, source_dir=…)`, on an image that has a program of its own."""
    (tmp_path / "train.py").write_text(PROGRAM)
    (tmp_path / "beside.py").write_text("WORD = 'trained'\n")
    estimator = Estimator(
        image_uri=image,
        role=notebook.ROLE,
        instance_count=1,
        instance_type=notebook.INSTANCE_TYPE,
        entry_point="train.py",
        source_dir=str(tmp_path),
        hyperparameters={"word": "hello", "df": 20},
        output_path=f"s3://{session.default_bucket()}/{prefix}",
        sagemaker_session=session,
    )
    estimator.fit(logs="None")

    def answer(model: Estimator | Model) -> str:
        predictor = model.deploy(initial_instance_count=1, instance_type=notebook.INSTANCE_TYPE)
        try:
            answer = session.sagemaker_runtime_client.invoke_endpoint(
                EndpointName=predictor.endpoint_name, Body=b""
            )
            return str(answer["Body"].read().decode())
        finally:
            predictor.delete_model()
            predictor.delete_endpoint()

    assert answer(estimator) == "trained --df 20 --word hello"

    (tmp_path / "inference.py").write_text("from train import model_fn, transform_fn\n")
    (tmp_path / "beside.py").write_text("WORD = 'served'\n")
    model = Model(
        image_uri=image,
        model_data=estimator.model_data,
        role=notebook.ROLE,
        entry_point="inference.py",
        source_dir=str(tmp_path),
        predictor_cls=Predictor,
        sagemaker_session=session,
    )
    assert answer(model) == "served --df 20 --word hello"
