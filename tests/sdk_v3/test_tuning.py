"""`sagemaker.train.tuner.HyperparameterTuner` with the project's image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.core.resources import HyperParameterTuningJob, TrainingJob
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute
from sagemaker.train.tuner import HyperparameterTuner

from tests.sdk_v3 import support

if TYPE_CHECKING:
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.shapes import Channel


def tuner(image: str, role: str, session: Session) -> HyperparameterTuner:
    fixed = {
        name: str(value)
        for name, value in support.HYPERPARAMETERS.items()
        if name not in ("df", "alpha")
    }
    trainer = ModelTrainer(
        training_image=image,
        role=role,
        sagemaker_session=session,
        hyperparameters=fixed,
        compute=Compute(instance_type=support.INSTANCE, instance_count=1, volume_size_in_gb=5),
    )
    return HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name="test:r2",
        hyperparameter_ranges={
            "df": IntegerParameter(8, 30),
            "alpha": ContinuousParameter(0.01, 100, scaling_type="Logarithmic"),
        },
        metric_definitions=[{"Name": each.name, "Regex": each.regex} for each in support.METRICS],
        max_jobs=3,
        max_parallel_jobs=2,
    )


def test_a_tuner_tunes_and_tells_the_best(
    image: str, role: str, session: Session, channels: list[Channel], name: str
) -> None:
    tuning = tuner(image, role, session)
    job = f"v3-{name[-8:]}"
    tuning.tune(inputs=channels, job_name=job)

    found = HyperParameterTuningJob.get(hyper_parameter_tuning_job_name=job)
    assert found.hyper_parameter_tuning_job_status == "Completed"
    assert found.training_job_status_counters.completed == 3
    best = TrainingJob.get(training_job_name=tuning.best_training_job())
    assert best.tuning_job_arn == found.hyper_parameter_tuning_job_arn
    metric = found.best_training_job.final_hyper_parameter_tuning_job_objective_metric
    assert support.metrics(best)["test:r2"] == metric.value
    assert metric.value > 0.9
    values = tuning.analytics().dataframe()["FinalObjectiveValue"]
    assert values.max() == metric.value


def test_a_tuner_is_stopped(
    image: str, role: str, session: Session, channels: list[Channel], name: str
) -> None:
    tuning = tuner(image, role, session)
    tuning.tune(inputs=channels, job_name=f"v3-{name[-8:]}", wait=False)
    tuning.stop_tuning_job()
    tuning.wait()
    assert tuning.describe().hyper_parameter_tuning_job_status == "Stopped"
