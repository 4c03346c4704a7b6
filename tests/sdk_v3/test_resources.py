"""`sagemaker.core.resources`: training jobs, models, endpoint configurations, endpoints."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    ContainerDefinition,
    DesiredWeightAndCapacity,
    ProductionVariant,
)
from sagemaker.core.utils.exceptions import FailedStatusError, TimeoutExceededError

from tests.sdk_v3 import support

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def python(image: str, program: str) -> AlgorithmSpecification:
    """Runs a program of one line in place of the image's own."""
    return AlgorithmSpecification(
        training_image=image,
        training_input_mode="File",
        container_entrypoint=["python3", "-c"],
        container_arguments=[f"import signal, sys, time; {program}"],
    )


@pytest.fixture
def sleeper(image: str) -> AlgorithmSpecification:
    """Runs until it is stopped."""
    return python(
        image,
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit()); print('sleeping'); time.sleep(300)",
    )


def test_a_training_job_runs_to_its_end(image, role, bucket, channels, name):
    job = support.create_training_job(
        name, image, role, bucket, channels, tags=[{"key": "team", "value": "gam"}]
    )
    assert job.training_job_status == "InProgress"
    job.wait(poll=1, timeout=support.WAIT, logs=True)

    assert (job.training_job_status, job.secondary_status) == ("Completed", "Completed")
    assert support.metrics(job)["test:r2"] == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
    assert [step.status for step in job.secondary_status_transitions] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    same = TrainingJob.get(name)
    assert same.hyper_parameters == job.hyper_parameters
    assert same.model_artifacts.s3_model_artifacts == (
        f"s3://{bucket}/sdk-v3/output/{name}/output/model.tar.gz"
    )
    with pytest.raises(ClientError, match="ResourceInUse"):
        support.create_training_job(name, image, role, bucket, channels)

    job.delete()
    job.wait_for_delete(poll=1, timeout=support.WAIT)
    with pytest.raises(ClientError, match="Requested resource not found"):
        TrainingJob.get(name)


def test_a_training_job_is_stopped(sleeper, image, role, bucket, name):
    job = support.create_training_job(
        name, image, role, bucket, [], algorithm_specification=sleeper
    )
    support.wait_for_log(name, "sleeping")
    with pytest.raises(TimeoutExceededError):
        job.wait(poll=1, timeout=1)
    job.stop()
    job.wait(poll=1, timeout=support.WAIT)
    assert (job.training_job_status, job.secondary_status) == ("Stopped", "Stopped")
    with pytest.raises(ClientError, match="Stopped"):
        job.stop()


def test_a_failed_training_job_says_why(image, role, bucket, channels, name):
    job = support.create_training_job(
        name, image, role, bucket, channels, hyper_parameters={"train-file": "none.csv"}
    )
    with pytest.raises(FailedStatusError, match=r"No file none\.csv in the channel 'train'"):
        job.wait(poll=1, timeout=support.WAIT)
    assert job.training_job_status == "Failed"


def test_training_jobs_are_listed(image, role, bucket, name):
    ends = {"a": "sys.exit()", "b": "sys.exit('failed')", "c": "sys.exit()"}
    jobs = [
        support.create_training_job(
            f"{name}-{key}", image, role, bucket, [], algorithm_specification=python(image, end)
        )
        for key, end in ends.items()
    ]
    for job in jobs:
        with suppress(FailedStatusError):
            job.wait(poll=1, timeout=support.WAIT)

    def listed(**filters):
        found = TrainingJob.get_all(name_contains=name, **filters)
        return "".join(job.training_job_name[-1] for job in found)

    assert listed(sort_by="Name", sort_order="Ascending") == "abc"
    assert listed(sort_by="CreationTime", sort_order="Descending") == "cba"
    assert listed(status_equals="Failed") == "b"
    now = datetime.now(UTC)
    assert listed(creation_time_before=now + timedelta(seconds=2), status_equals="Stopped") == ""
    assert listed(creation_time_before=now - timedelta(hours=1)) == ""
    assert len(listed(creation_time_after=now - timedelta(hours=1))) == 3


def test_a_missing_training_job_is_an_error():
    with pytest.raises(ClientError, match="Requested resource not found"):
        TrainingJob.get("no-such-job")


@pytest.fixture
def model(image: str, role: str, trained: TrainingJob, name: str) -> Iterator[Model]:
    model = Model.create(
        model_name=name,
        primary_container=ContainerDefinition(
            image=image, model_data_url=trained.model_artifacts.s3_model_artifacts
        ),
        execution_role_arn=role,
    )
    yield model
    model.delete()


@pytest.fixture
def config(model: Model) -> Iterator[Callable[..., EndpointConfig]]:
    """Creates endpoint configurations of the model."""
    created = []

    def create(suffix: str, instances: int = 1) -> EndpointConfig:
        config = EndpointConfig.create(
            endpoint_config_name=f"{model.model_name}-{suffix}",
            production_variants=[
                ProductionVariant(
                    variant_name="AllTraffic",
                    model_name=model.model_name,
                    instance_type=support.INSTANCE,
                    initial_instance_count=instances,
                    initial_variant_weight=1.0,
                )
            ],
        )
        created.append(config)
        return config

    yield create
    for config in created:
        config.delete()


@pytest.fixture
def endpoint(config: Callable[..., EndpointConfig], name: str) -> Iterator[Endpoint]:
    endpoint = Endpoint.create(
        endpoint_name=name, endpoint_config_name=config("a").endpoint_config_name
    )
    endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)
    yield endpoint
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=support.WAIT)


def test_an_endpoint_predicts_and_is_deleted(model, config, name, data):
    of = config("a").endpoint_config_name
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=of)
    endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)

    r2 = support.r_squared(data.test, support.predict(endpoint, data.test))
    assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
    assert [each.endpoint_name for each in Endpoint.get_all(name_contains=name)] == [name]
    assert [each.model_name for each in Model.get_all(name_contains=name)] == [name]
    assert [each.endpoint_config_name for each in EndpointConfig.get_all(name_contains=name)] == [
        of
    ]
    (variant,) = EndpointConfig.get(of).production_variants
    assert (variant.variant_name, variant.model_name) == ("AllTraffic", name)

    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=support.WAIT)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        endpoint.refresh()
    with pytest.raises(ClientError, match="not found"):
        support.predict(endpoint, data.test)


def test_what_the_model_refuses_is_a_model_error(endpoint):
    with pytest.raises(ClientError) as refused:
        endpoint.invoke(body=b"not an array", content_type=support.NPY, accept=support.NPY)
    answer: Any = refused.value.response  # with an operation's own members
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["OriginalStatusCode"] == 400


def test_an_endpoint_is_updated(endpoint, config, data):
    endpoint.endpoint_config_name = config("b").endpoint_config_name
    endpoint.update()  # to the configuration that the object names
    assert endpoint.endpoint_status == "Updating"
    endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)
    assert endpoint.endpoint_config_name.endswith("-b")
    assert support.predict(endpoint, data.test).shape == (len(data.test),)


def test_an_endpoint_gets_more_instances(endpoint, data):
    endpoint.update_weights_and_capacities(
        [DesiredWeightAndCapacity(variant_name="AllTraffic", desired_instance_count=2)]
    )
    endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)
    (variant,) = endpoint.production_variants
    assert variant.current_instance_count == 2
    assert support.predict(endpoint, data.test).shape == (len(data.test),)
