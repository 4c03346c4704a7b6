"""`sagemaker.core.experiments.Run`, the typed resources of experiments, and Search."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sagemaker.core.experiments.run import Run, list_runs, load_run
from sagemaker.core.lineage.query import LineageFilter, LineageQuery, LineageSourceEnum
from sagemaker.core.resources import Artifact, Experiment, TrainingJob, Trial, TrialComponent
from sagemaker.core.shapes import Channel, ExperimentConfig, RawMetricData

from tests.sdk_v3 import support

if TYPE_CHECKING:
    from pathlib import Path

    from sagemaker.core.helper.session_helper import Session


@pytest.fixture
def experiment(name: str) -> str:
    return f"experiment-{name[-8:]}"


def test_what_a_run_logs_is_kept_and_read_back(
    session: Session, experiment: str, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("notes")
    with Run(experiment, "first", sagemaker_session=session) as run:
        run.log_parameters({"alpha": 1.5, "how": "fast"})
        for step, value in enumerate([0.5, 0.75, 0.7]):
            run.log_metric("test:r2", value, step=step)
        run.log_file(str(file), name="notes")
        run.log_artifact("data", "s3://bucket/data", is_output=False)
    with load_run(run_name="first", experiment_name=experiment, sagemaker_session=session) as again:
        again.log_parameter("df", 20)

    component = TrialComponent.get(trial_component_name=run.experiment_config["RunName"])
    assert component.status.primary_status == "Completed"
    assert {name: each.number_value for name, each in component.parameters.items()
            if name != "how"} == {"alpha": 1.5, "df": 20.0}  # fmt: skip
    assert component.output_artifacts["notes"].value.endswith("/notes.txt")
    assert component.input_artifacts["data"].value == "s3://bucket/data"
    (metric,) = component.metrics
    assert (metric.metric_name, metric.max, metric.last, metric.count) == ("test:r2", 0.75, 0.7, 3)
    (listed,) = list_runs(experiment, sagemaker_session=session)
    assert listed.run_name == "first"


def test_typed_resources(experiment: str) -> None:
    made = Experiment.create(experiment_name=experiment, description="what")
    trial = Trial.create(trial_name=f"{experiment}-trial", experiment_name=experiment)
    component = TrialComponent.create(trial_component_name=f"{experiment}-component")
    component.associate_trail(trial_name=trial.trial_name)
    assert [each.trial_component_name for each in TrialComponent.get_all(
        trial_name=trial.trial_name)] == [component.trial_component_name]  # fmt: skip
    assert experiment in [each.experiment_name for each in Experiment.get_all()]
    component.batch_put_metrics(
        metric_data=[RawMetricData(metric_name="loss", value=0.5, timestamp=datetime.now(UTC))]
    )
    (metric,) = component.refresh().metrics
    assert (metric.metric_name, metric.last) == ("loss", 0.5)
    component.disassociate_trail(trial_name=trial.trial_name)
    component.delete()
    trial.delete()
    made.delete()
    assert experiment not in [each.experiment_name for each in Experiment.get_all()]


def test_a_training_job_in_a_trial_and_its_lineage(
    session: Session, image: str, role: str, bucket: str, channels: list[Channel], experiment: str
) -> None:
    Experiment.create(experiment_name=experiment)
    name = f"job-{experiment[-8:]}"
    config = ExperimentConfig(experiment_name=experiment, trial_component_display_name="Training")
    job = support.create_training_job(name, image, role, bucket, channels, experiment_config=config)
    job.wait(poll=1, timeout=support.WAIT)
    component = TrialComponent.get(trial_component_name=f"{name}-aws-training-job")
    assert component.display_name == "Training"
    assert component.source.source_arn == job.training_job_arn
    assert component.parameters["df"].number_value == 20
    assert {each.metric_name for each in component.metrics} == {"train:r2", "test:r2"}
    found = LineageQuery(session).query(
        start_arns=[component.trial_component_arn],
        query_filter=LineageFilter(sources=[LineageSourceEnum.MODEL]),
    )
    (vertex,) = found.vertices
    model = Artifact.get(artifact_arn=vertex.arn)
    assert model.source.source_uri == job.model_artifacts.s3_model_artifacts
    found = session.sagemaker_client.search(
        Resource="TrainingJob",
        SearchExpression={
            "Filters": [
                {"Name": "Metrics.test:r2", "Operator": "GreaterThan", "Value": "0.99"},
                {"Name": "ExperimentConfig.ExperimentName", "Operator": "Equals",
                 "Value": experiment},
            ]
        },
    )  # fmt: skip
    (one,) = found["Results"]
    assert one["TrainingJob"]["TrainingJobName"] == name
    assert TrainingJob.get(training_job_name=name).experiment_config.experiment_name == experiment
