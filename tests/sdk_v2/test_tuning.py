"""`sagemaker.tuner.HyperparameterTuner` with the project's image."""

from __future__ import annotations

import numpy as np
import pytest
from sagemaker.deserializers import NumpyDeserializer
from sagemaker.estimator import Estimator
from sagemaker.serializers import NumpySerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

from examples.gauss3 import gauss3 as dataset
from tests.sdk_v2 import notebook

RANGES = {
    "df": IntegerParameter(8, 30),
    "alpha": ContinuousParameter(0.01, 100, scaling_type="Logarithmic"),
}


def tuner(session, image, prefix, **members):
    return HyperparameterTuner(
        notebook.estimator(session, image, prefix),
        "test:r2",
        RANGES,
        notebook.METRICS,
        max_jobs=3,
        max_parallel_jobs=2,
        base_tuning_job_name="gam",
        **members,
    )


def test_a_tuner_tunes_is_attached_to_and_deploys_the_best(session, image, prefix):
    channels = notebook.upload(session.default_bucket(), prefix)
    tuning = tuner(session, image, prefix, tags=[{"Key": "team", "Value": "blue"}])
    tuning.fit(channels)

    frame = tuning.analytics().dataframe()
    assert len(frame) == 3
    assert set(frame["TrainingJobStatus"]) == {"Completed"}
    assert set(RANGES) < set(frame.columns)
    best = frame.loc[frame["FinalObjectiveValue"].idxmax()]
    assert tuning.best_training_job() == best["TrainingJobName"]
    assert tuning.analytics().tuning_ranges["df"]["MaxValue"] == "30"

    attached = HyperparameterTuner.attach(tuning.latest_tuning_job.name, session)
    assert attached.best_training_job() == tuning.best_training_job()
    assert attached.objective_metric_name == "test:r2"
    estimator = Estimator.attach(tuning.best_training_job(), sagemaker_session=session)
    assert int(estimator.hyperparameters()["df"]) == best["df"]

    predictor = attached.deploy(
        initial_instance_count=1,
        instance_type=notebook.INSTANCE_TYPE,
        serializer=NumpySerializer(),
        deserializer=NumpyDeserializer(),
    )
    try:
        data = dataset.split()
        found = notebook.r_squared(data.y_test, np.ravel(predictor.predict(data.x_test)))
        assert found == pytest.approx(best["FinalObjectiveValue"], abs=1e-5)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def test_a_tuner_is_stopped(session, image, prefix):
    channels = notebook.upload(session.default_bucket(), prefix)
    tuning = tuner(session, image, prefix, strategy="Random")
    tuning.fit(channels, wait=False)
    tuning.stop_tuning_job()
    tuning.latest_tuning_job.wait()
    assert tuning.describe()["HyperParameterTuningJobStatus"] == "Stopped"
