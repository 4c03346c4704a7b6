"""The notebook flow with `sagemaker.Session`, and with the harness's `LocalSession`."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import s3fs
import sagemaker
from botocore.exceptions import ClientError
from sagemaker.exceptions import UnexpectedStatusException

from examples.gauss3 import gauss3 as dataset
from harness import LocalSession
from harness.errors import ConfigError
from tests.sdk_v2 import notebook

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["Session", "LocalSession"])
def session(request, environment):
    if request.param == "Session":
        return sagemaker.Session()
    return LocalSession(endpoint_url=environment["AWS_ENDPOINT_URL"])


def test_the_notebook(session, image, prefix, capsys, tmp_path: Path):
    bucket = session.default_bucket()
    channels = notebook.upload(bucket, prefix)

    trained = notebook.estimator(session, image, prefix)
    trained.fit(channels, logs="All")
    assert "train:r2=0.9967" in capsys.readouterr().out  # the container's log, as it is printed
    job = trained.latest_training_job.describe()
    assert job["TrainingJobStatus"] == "Completed"
    assert {metric["MetricName"] for metric in job["FinalMetricDataList"]} == {
        "train:r2",
        "test:r2",
    }
    s3fs.S3FileSystem().get_file(trained.model_data, str(tmp_path / "model.tar.gz"))
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert archive.getnames()

    predictor = notebook.deploy(trained)
    try:
        data = dataset.split()
        train = notebook.r_squared(data.y_train, predictor.predict(data.x_train))
        test = notebook.r_squared(data.y_test, predictor.predict(data.x_test))
        assert train == pytest.approx(0.99672, abs=1e-5)
        assert test == pytest.approx(0.99717, abs=1e-5)
        models = [
            variant["ModelName"]
            for variant in session.sagemaker_client.describe_endpoint_config(
                EndpointConfigName=predictor.endpoint_name
            )["ProductionVariants"]
        ]
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()

    client = session.sagemaker_client
    for gone in (
        lambda: client.describe_endpoint_config(EndpointConfigName=predictor.endpoint_name),
        lambda: client.describe_model(ModelName=models[0]),
    ):
        with pytest.raises(ClientError, match="Could not find"):
            gone()
    client.get_waiter("endpoint_deleted").wait(
        EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def test_pandas_reads_and_writes_s3_urls(session, prefix):
    url = f"s3://{session.default_bucket()}/{prefix}/frame.csv"
    pd.DataFrame({"a": [1, 2]}).to_csv(url, index=False)
    assert pd.read_csv(url)["a"].tolist() == [1, 2]


def test_a_job_that_fails_raises_with_its_reason(session, image, prefix):
    channels = notebook.upload(session.default_bucket(), prefix)
    failing = notebook.estimator(session, image, prefix, df="many")
    with pytest.raises(UnexpectedStatusException, match=r"AlgorithmError: [\s\S]*df") as raised:
        failing.fit(channels)
    assert raised.value.actual_status == "Failed"


def test_what_sagemaker_refuses_is_refused(session, image, prefix):
    refused = notebook.estimator(session, image, prefix)
    with pytest.raises(ClientError, match="No S3 objects found under S3 URL") as raised:
        refused.fit({"train": f"s3://{session.default_bucket()}/{prefix}/nothing"})
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_the_sdk_takes_the_session_for_one_on_aws(session, environment):
    assert session.boto_region_name == environment["AWS_DEFAULT_REGION"]
    assert not session.local_mode
    assert session.sagemaker_client.meta.endpoint_url == environment["AWS_ENDPOINT_URL"]


def test_a_local_session_reaches_sts_too(environment):
    # The SDK's own Session names AWS's URL for it, which no variable changes.
    session = LocalSession(endpoint_url=environment["AWS_ENDPOINT_URL"])
    assert session.account_id() == "123456789012"


def test_a_local_session_without_a_local_aws_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"run `harness up` .* give its URL as endpoint_url"):
        LocalSession()
