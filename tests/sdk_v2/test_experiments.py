"""`sagemaker.experiments.Run`, and what jobs write into it."""

from __future__ import annotations

import time

import pytest
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.experiments import Run, list_runs, load_run
from sagemaker.experiments.experiment import Experiment
from sagemaker.lineage.query import LineageFilter, LineageQuery, LineageSourceEnum

from tests.sdk_v2 import notebook


@pytest.fixture
def experiment(prefix):
    return f"experiment-{prefix.rpartition('/')[2]}"


def described(session, run):
    return session.sagemaker_client.describe_trial_component(
        TrialComponentName=run.experiment_config["RunName"]
    )


def test_what_a_run_logs_is_kept_and_read_back(session, experiment, tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("notes")
    with Run(experiment, "first", sagemaker_session=session) as run:
        run.log_parameters({"alpha": 1.5, "how": "fast"})
        run.log_parameter("df", 20)
        for step, value in enumerate([0.5, 0.75, 0.7]):
            run.log_metric("test:r2", value, step=step)
        run.log_file(str(file), name="notes", is_output=False)
        run.log_artifact("model", "s3://bucket/model.tar.gz", media_type="application/gzip")

    found = described(session, run)
    assert found["Status"] == {"PrimaryStatus": "Completed"}
    assert found["StartTime"] <= found["EndTime"]
    assert found["Parameters"] == {
        "alpha": {"NumberValue": 1.5}, "how": {"StringValue": "fast"}, "df": {"NumberValue": 20.0}
    }  # fmt: skip
    (metric,) = found["Metrics"]
    assert (metric["Min"], metric["Max"], metric["Last"], metric["Count"]) == (0.5, 0.75, 0.7, 3)
    uri = found["InputArtifacts"]["notes"]["Value"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3 = session.boto_session.client("s3")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"notes"
    assert found["OutputArtifacts"]["model"]["Value"] == "s3://bucket/model.tar.gz"

    with load_run(run_name="first", experiment_name=experiment, sagemaker_session=session) as again:
        assert again.experiment_config == run.experiment_config
        again.log_parameter("more", 1)
    assert set(described(session, run)["Parameters"]) == {"alpha", "how", "df", "more"}


def test_a_run_that_fails_says_why(session, experiment):
    with (
        pytest.raises(ZeroDivisionError),
        Run(experiment, "failing", sagemaker_session=session) as run,
    ):
        _ = 1 / 0
    assert described(session, run)["Status"] == {
        "PrimaryStatus": "Failed", "Message": "division by zero"
    }  # fmt: skip


def test_runs_are_listed_compared_and_deleted(session, experiment):
    for number in range(3):
        with Run(experiment, f"run-{number}", sagemaker_session=session) as run:
            run.log_parameter("number", number)
            run.log_metric("score", number * 2)
    runs = list_runs(experiment, sagemaker_session=session)
    assert [run.run_name for run in runs] == ["run-2", "run-1", "run-0"]

    frame = ExperimentAnalytics(
        experiment_name=experiment, sagemaker_session=session, sort_by="parameters.number",
        sort_order="Ascending",
    ).dataframe()  # fmt: skip
    assert list(frame["number"]) == [0, 1, 2]
    assert list(frame["score - Max"]) == [0, 2, 4]

    kept = Experiment.load(experiment, sagemaker_session=session)
    kept._delete_all(action="--force")
    pages = session.sagemaker_client.get_paginator("list_experiments").paginate()
    names = [each["ExperimentName"] for page in pages for each in page["ExperimentSummaries"]]
    assert experiment not in names


def test_a_curve_is_an_artifact_that_the_run_produced(session, experiment):
    with Run(experiment, "curve", sagemaker_session=session) as run:
        run._log_graph_artifact(
            artifact_name="curve", data={"type": "ROCCurve"}, graph_type="ROCCurve", is_output=True
        )
    arn = described(session, run)["TrialComponentArn"]
    found = LineageQuery(session).query(
        start_arns=[arn],
        query_filter=LineageFilter(entities=[]),
        include_edges=True,
    )
    assert [edge.association_type for edge in found.edges] == ["Produced"]
    curve = next(each for each in found.vertices if each.lineage_entity == "Artifact")
    assert curve.lineage_source == "ROCCurve"
    assert curve.to_lineage_object().source.source_uri.endswith("/curve.json")


def test_a_training_job_of_a_run(session, image, prefix, experiment, monkeypatch):
    channels = notebook.upload(session.default_bucket(), prefix)
    estimator = notebook.estimator(session, image, prefix)
    with Run(experiment, "trained", sagemaker_session=session) as run:
        estimator.fit(channels, job_name=f"trained-{experiment[-8:]}", wait=True, logs="None")
    job = estimator.latest_training_job.describe()
    assert job["ExperimentConfig"] == run.experiment_config

    client = session.sagemaker_client
    (summary,) = client.list_trial_components(SourceArn=job["TrainingJobArn"])[
        "TrialComponentSummaries"
    ]
    component = client.describe_trial_component(TrialComponentName=summary["TrialComponentName"])
    assert component["Parameters"]["df"] == {"NumberValue": 20.0}
    model = component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"]
    assert model == estimator.model_data
    assert {each["MetricName"] for each in component["Metrics"]} >= {"test:r2"}
    of_trial = client.list_trial_components(TrialName=run.experiment_config["TrialName"])
    names = {each["TrialComponentName"] for each in of_trial["TrialComponentSummaries"]}
    assert names == {summary["TrialComponentName"], run.experiment_config["RunName"]}

    # What a script does in the job's container, which has this in its environment.
    monkeypatch.setenv("TRAINING_JOB_ARN", job["TrainingJobArn"])
    with load_run(sagemaker_session=session) as inside:
        inside.log_metric("epochs", 3, timestamp=time.time())
    assert inside.run_name == "trained"
    assert {each["MetricName"] for each in described(session, run)["Metrics"]} == {"epochs"}

    found = LineageQuery(session).query(
        start_arns=[component["TrialComponentArn"]],
        query_filter=LineageFilter(sources=[LineageSourceEnum.MODEL]),
    )
    (artifact,) = found.vertices
    assert artifact.to_lineage_object().source.source_uri == model
