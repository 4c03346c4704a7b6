"""The plugin's fixtures, on an image that says what it was given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from botocore.exceptions import ClientError

from harness.errors import ConfigError, FlowError

IMAGE = Path(__file__).parent / "echo"


@pytest.fixture(scope="module")
def job(training_job):
    return training_job(
        IMAGE,
        channels={"train": {"rows.csv": "1,2\n3,4\n"}},
        hyperparameters={"depth": 3, "names": ["a", "b"], "mode": "fast"},
        metrics={"rows": r"rows=(\d+)"},
        environment={"COLOUR": "blue"},
    )


@pytest.fixture(scope="module")
def served(endpoint, job):
    return endpoint(job)


def test_a_job_gets_what_the_test_says(job):
    assert job.status == "Completed"
    assert job.metrics == {"rows": 2.0}
    seen = json.loads(job.model["seen.json"])
    assert seen["hyperparameters"] == {"depth": "3", "names": '["a", "b"]', "mode": "fast"}
    assert seen["files"] == {"train/rows.csv": "1,2\n3,4\n"}
    assert seen["colour"] == "blue"
    assert "rows=2" in job.log


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/jsonlines"])
def test_predictions_are_arrays(served, content_type):
    predicted = served.predict(np.array([[1.0, 2.0], [3.0, 4.5]]), content_type=content_type)
    np.testing.assert_array_equal(predicted, [3.0, 7.5])


def test_a_body_goes_and_comes_as_it_is(served):
    answer = served.invoke(b"1,2\n", "text/csv")
    assert (answer.body, answer.content_type) == (b"3.0\n", "text/csv")


def test_the_containers_refusal_is_boto3s_error(served):
    with pytest.raises(ClientError) as refusal:
        served.invoke("words", "text/csv")
    assert refusal.value.response["Error"]["Code"] == "ModelError"


def test_an_endpoint_ends_with_its_block(endpoint, job, harness_target):
    with endpoint(job) as short:
        assert short.status == "InService"
    client = harness_target.connection.boto.client("sagemaker")
    assert short.name not in {e["EndpointName"] for e in client.list_endpoints()["Endpoints"]}


def test_a_failed_job_fails_the_test_unless_it_is_looked_at(training_job):
    with pytest.raises(FlowError, match="told to fail"):
        training_job(IMAGE, channels={}, hyperparameters={"fail": "told to fail"})
    job = training_job(IMAGE, channels={}, hyperparameters={"fail": "told to fail"}, check=False)
    assert job.status == "Failed"
    assert "told to fail" in job.failure_reason
    assert "told to fail" in job.summary()


def test_a_transform_job_answers_each_object(transform_job, job):
    done = transform_job(
        job, {"a.csv": "1,2\n3,4\n"}, content_type="text/csv", split_type="Line",
        assemble_with="Line",
    )  # fmt: skip
    assert done.output == {"a.csv.out": b"3.0\n7.0\n"}


def test_a_processing_job_gives_its_outputs(processing_job):
    done = processing_job(
        IMAGE,
        inputs={"raw": {"x.txt": "hello"}},
        outputs={"made": ""},
        arguments=["process"],
    )
    assert done.outputs == {"made": {"x.txt": b"HELLO"}}


def test_a_key_that_is_none_is_named(training_job):
    with pytest.raises(ConfigError, match=r"\[training\] has no key instance_cout"):
        training_job(IMAGE, instance_cout=2)


def test_the_sdks_session_is_on_the_target(sagemaker_session, job):
    described = sagemaker_session.sagemaker_client.describe_training_job(TrainingJobName=job.name)
    assert described["TrainingJobStatus"] == "Completed"


def test_the_session_prints_a_jobs_log(sagemaker_session, job, capsys):
    sagemaker_session.logs_for_job(job.name, wait=True)
    assert "rows=2" in capsys.readouterr().out.splitlines()


def test_the_sdks_own_wait_reads_the_local_logs(sagemaker_session, job, monkeypatch):
    said: list[str] = []
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    from sagemaker.core import resources

    monkeypatch.setattr(resources.logger, "info", lambda text, **_: said.append(text))
    session = sagemaker_session.boto_session
    resources.TrainingJob.get(job.name, session=session, region=session.region_name).wait(logs=True)
    assert any(line.endswith("rows=2") for line in said)
