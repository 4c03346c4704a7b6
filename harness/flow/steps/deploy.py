"""Deploy: a model, its endpoint configuration and the endpoint, until it is in service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from harness.errors import ConfigError
from harness.flow.progress import wait
from harness.flow.project import sources
from harness.flow.teardown import SCALABLE_DIMENSION, tags

if TYPE_CHECKING:
    from sagemaker.core.resources import Endpoint

    from harness.flow.context import Run
    from harness.flow.progress import Log

VARIANT = "AllTraffic"


def check_model(model: str) -> None:
    """Raises `ConfigError` where there is no such file."""
    if not sources.is_uri(model) and not Path(model).is_file():
        raise ConfigError(f"--model {model}: there is no such file; it is a model.tar.gz.")


def upload_model(this: Run, model: str) -> str:
    """Where a trained model is in S3; a file is put there first."""
    if sources.is_uri(model):
        return model
    this.tear_down.add("objects", this.uri() + "/")
    client = this.connection.boto.client("s3")
    client.upload_file(
        model,
        this.settings.place.bucket,
        this.key("model.tar.gz"),
        ExtraArgs={"Tagging": urlencode(tags(this.name, this.keep))},
    )
    return this.uri("model.tar.gz")


def create_model(this: Run, image_uri: str, model_data: str, environment: dict[str, str]) -> None:
    """A model of the run's name."""
    from sagemaker.core.resources import Model
    from sagemaker.core.shapes import ContainerDefinition

    this.tear_down.add("model", this.name)
    Model.create(
        model_name=this.name,
        primary_container=ContainerDefinition(
            image=image_uri,
            model_data_url=model_data,
            **({"environment": environment} if environment else {}),
        ),
        execution_role_arn=this.settings.place.role_arn,
        **_common(this),
    )


def _common(this: Run) -> dict[str, Any]:
    return {
        "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in this.tags],
        "session": this.connection.boto,
        "region": this.connection.region,
    }


def environment(this: Run, submitted: str = "") -> dict[str, str]:
    """The variables of a container that serves; in script mode with the program, as the SDK's."""
    given = dict(this.settings.endpoint.environment)
    program = this.settings.training.entry_point
    if program and submitted:
        given = {
            "SAGEMAKER_PROGRAM": program,
            "SAGEMAKER_SUBMIT_DIRECTORY": json.loads(submitted),
            **given,
        }
    return given


def log(this: Run) -> Log:
    """What the endpoint's containers write."""
    return this.log(f"/aws/sagemaker/Endpoints/{this.name}", "")


def deploy(this: Run) -> Endpoint:
    """Serve the run's model; returns the endpoint once it is in service."""
    from sagemaker.core.resources import Endpoint, EndpointConfig
    from sagemaker.core.shapes import ProductionVariant

    settings, common = this.settings, _common(this)
    this.tear_down.add("endpoint config", this.name)
    EndpointConfig.create(
        endpoint_config_name=this.name,
        production_variants=[
            ProductionVariant(
                variant_name=VARIANT,
                model_name=this.name,
                instance_type=settings.endpoint.instance_type,
                initial_instance_count=settings.endpoint.instance_count,
                container_startup_health_check_timeout_in_seconds=(
                    settings.endpoint.startup_timeout_seconds
                ),
            )
        ],
        **common,
    )

    this.tear_down.add("endpoint", this.name)
    endpoint = Endpoint.create(endpoint_name=this.name, endpoint_config_name=this.name, **common)
    wait(
        endpoint,
        f"endpoint {this.name}",
        status="endpoint_status",
        going={"Creating"},
        done="InService",
        seconds=settings.endpoint.startup_timeout_seconds + settings.place.provisioning_seconds,
        poll=settings.place.poll_seconds,
        log=log(this),
    )
    return endpoint


def scale(this: Run) -> None:
    """Let the endpoint scale with its invocations, where the settings ask for it."""
    settings = this.settings.endpoint
    if not settings.max_instance_count:
        return
    client = this.connection.boto.client("application-autoscaling")
    resource = f"endpoint/{this.name}/variant/{VARIANT}"
    this.tear_down.add("scalable target", resource)
    client.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=resource,
        ScalableDimension=SCALABLE_DIMENSION,
        MinCapacity=settings.instance_count,
        MaxCapacity=settings.max_instance_count,
    )
    client.put_scaling_policy(
        PolicyName=this.name,
        ServiceNamespace="sagemaker",
        ResourceId=resource,
        ScalableDimension=SCALABLE_DIMENSION,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": settings.invocations_per_instance,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    )
