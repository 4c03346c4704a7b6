"""Train: the job that is created, and how it ends."""

import io
import json
import tarfile
from dataclasses import replace

import pytest

from harness import machine
from harness.errors import ConfigError, FlowError
from harness.flow.plan import Plan
from harness.flow.steps import train as training
from harness.flow.steps.stage import stage
from harness.flow.steps.train import train
from tests.unit.flow.scripted import log, with_

GROUP = "/aws/sagemaker/TrainingJobs"


def test_a_training_job_is_created_with_all_it_needs(run, sagemaker):
    sagemaker.statuses = ["InProgress", "InProgress", "Completed"]

    job = train(run, "image:tag", stage(run, Plan()))

    assert job.training_job_status == "Completed"
    assert job.model_artifacts.s3_model_artifacts == "s3://b/model.tar.gz"
    (request,) = sagemaker.requests["create_training_job"]
    assert request["TrainingJobName"] == run.name
    assert request["RoleArn"] == "arn:aws:iam::123456789012:role/harness"
    assert request["HyperParameters"] == {
        "df": "20",
        "alpha": "1.0",
        "degree": "3",
        "train-file": "train.csv",
        "test-file": "test.csv",
    }
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}
    assert request["Tags"] == [
        {"Key": "harness:run", "Value": run.name},
        {"Key": "harness:host", "Value": machine.name()},
    ]
    assert {
        metric["Name"] for metric in request["AlgorithmSpecification"]["MetricDefinitions"]
    } == {
        "train:r2",
        "test:r2",
    }


def test_a_spot_job_has_a_time_for_waiting_too(run, sagemaker):
    sagemaker.statuses = ["Completed"]
    thrifty = with_(run, training={"spot": True, "max_wait_seconds": 1200})

    train(thrifty, "image:tag", stage(run, Plan()))

    (request,) = sagemaker.requests["create_training_job"]
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 600,
        "MaxWaitTimeInSeconds": 1200,
    }


@pytest.mark.parametrize("ephemeral", [True, False])
def test_a_failed_job_is_an_error_with_its_reason_and_its_log(run, sagemaker, ephemeral):
    """Which is told where it can be read later."""
    object.__setattr__(run, "connection", replace(run.connection, ephemeral=ephemeral))
    sagemaker.statuses = ["InProgress", "Failed"]
    sagemaker.reason = "AlgorithmError: no such file, exit code: 1"
    log(run, GROUP, f"{run.name}/algo-1-1", "Traceback", "  no such file")

    with pytest.raises(FlowError) as error:
        train(run, "image:tag", stage(run, Plan()))

    where = f" Its log is in CloudWatch Logs: group {GROUP}, streams {run.name}/*."
    assert str(error.value) == (
        f"training job {run.name} is Failed: AlgorithmError: no such file, exit code: 1."
        f"{'' if ephemeral else where}"
    )
    assert run.shown == ["  | Traceback", "  |   no such file"]


def test_a_job_stopped_for_its_run_time_is_an_error(run, sagemaker):
    sagemaker.statuses = ["Stopped"]
    sagemaker.secondary = "MaxRuntimeExceeded"

    with pytest.raises(FlowError, match=r"is Stopped: .*training\.max_runtime_seconds\."):
        train(run, "image:tag", stage(run, Plan()))


def test_waiting_ends_when_time_is_up(run, sagemaker):
    sagemaker.statuses = ["InProgress"]
    impatient = with_(run, training={"max_runtime_seconds": 1}, local={"provisioning_seconds": 0})

    with pytest.raises(FlowError, match="is still InProgress after 1 s"):
        train(impatient, "image:tag", stage(run, Plan()))


def test_a_job_that_still_runs_is_stopped_at_tear_down(run, sagemaker):
    sagemaker.statuses = ["InProgress"]
    impatient = with_(run, training={"max_runtime_seconds": 1}, local={"provisioning_seconds": 0})

    with pytest.raises(FlowError), run.tear_down:
        train(impatient, "image:tag", stage(run, Plan()))

    assert sagemaker.requests["stop_training_job"] == [{"TrainingJobName": run.name}]


def test_a_job_that_has_ended_is_left_alone_at_tear_down(run, sagemaker):
    sagemaker.statuses = ["Completed"]

    with run.tear_down:
        train(run, "image:tag", stage(run, Plan()))

    assert "stop_training_job" not in sagemaker.requests


def test_what_the_log_has_said_are_metrics(run, sagemaker):
    sagemaker.statuses = ["Completed"]
    sagemaker.metrics = {"train:r2": 0.5, "test:r2": 0.25}

    job = train(run, "image:tag", stage(run, Plan()))

    assert training.logged_metrics(job) == {"train:r2": 0.5, "test:r2": 0.25}
    assert training.submitted(job) == ""


def test_a_job_without_metrics_has_none(run, sagemaker):
    sagemaker.statuses = ["Completed"]

    assert training.logged_metrics(train(run, "image:tag", stage(run, Plan()))) == {}


def test_a_bare_project_sends_what_it_has(begin_run, project, sagemaker):
    sagemaker.statuses = ["Completed"]
    this = begin_run(project("[training]\nenvironment = {A = 'b'}\nnetwork_isolation = true"))

    job = train(this, "image:tag", stage(this, Plan()))

    (request,) = sagemaker.requests["create_training_job"]
    assert request["AlgorithmSpecification"] == {
        "TrainingImage": "image:tag",
        "TrainingInputMode": "File",
    }
    assert request["Environment"] == {"A": "b"}
    assert request["EnableNetworkIsolation"] is True
    assert not {"HyperParameters", "InputDataConfig"} & set(request)
    assert training.submitted(job) == ""


def test_script_mode_sends_the_program(begin_run, project, sagemaker):
    sagemaker.statuses = ["Completed"]
    this = begin_run(
        project(
            "hyperparameters.df = 3\ntraining.entry_point = 'train.py'",
            **{
                "src/train.py": "print(1)",
                "src/lib/more.py": "",
                "src/__pycache__/train.pyc": "",
                "src/.git/config": "",
            },
        )
    )

    with this.tear_down:
        job = train(this, "image:tag", stage(this, Plan()))

        uri = f"s3://harness-local/harness/{this.name}/source/sourcedir.tar.gz"
        assert sagemaker.requests["create_training_job"][0]["HyperParameters"] == {
            "df": "3",
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": json.dumps(uri),
        }
        assert training.submitted(job) == json.dumps(uri)
        s3 = this.connection.boto.client("s3")
        key = uri.removeprefix("s3://harness-local/")
        packed = s3.get_object(Bucket="harness-local", Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            names = {each.name for each in tar if each.isfile()}
        assert names == {"train.py", "lib/more.py"}
    assert "Contents" not in s3.list_objects_v2(Bucket="harness-local", Prefix=key)


def test_a_program_that_is_not_there_is_refused_before(project):
    settings = project("training.entry_point = 'train.py'")

    with pytest.raises(
        ConfigError, match=r"^training\.entry_point = 'train\.py': there is no such"
    ):
        training.check(settings)


def test_a_kept_run_says_so_in_its_tags(run, sagemaker):
    sagemaker.statuses = ["Completed"]

    train(replace(run, keep=True), "image:tag", stage(run, Plan()))

    tags = sagemaker.requests["create_training_job"][0]["Tags"]
    assert {"Key": "harness:kept", "Value": "true"} in tags
