"""The flow: build → push → stage data → train → deploy → predict → score → tear down.

`run` is the whole of it, one function a step. The same code runs on the local AWS and on the real
one: which of them is a matter of the connection, never of a step.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import numpy as np

from harness.errors import FlowError
from harness.flow import dataset
from harness.flow.connection import Connection, connect
from harness.flow.progress import HowFar, Log, Progress, Steps, wait
from harness.flow.report import R2, Comparison, Report
from harness.flow.teardown import SCALABLE_DIMENSION, Patience, TearDown, tags
from harness.image import build, docker_engine
from harness.image.ecr.push import push as push_to_ecr

if TYPE_CHECKING:
    from docker import DockerClient
    from numpy.typing import NDArray
    from sagemaker.core.resources import Endpoint, TrainingJob
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_sagemaker.literals import TrainingInstanceTypeType
    from types_boto3_sagemaker.type_defs import (
        ChannelTypeDef,
        MetricDefinitionTypeDef,
        StoppingConditionTypeDef,
        TagTypeDef,
    )

    from harness.config import Settings
    from harness.flow.dataset import Split
    from harness.image.build import BuiltImage

    Array = NDArray[np.float64]
    Predicted = tuple[Array, Array]

Hold = Callable[[Report, Connection], None]

VARIANT = "AllTraffic"
NPY = "application/x-npy"
# Of InvokeEndpoint's Body, from SageMaker Runtime's service model.
MAX_BODY_BYTES = 6_291_456
# What the container prints; SageMaker finds it in the log and keeps it with the job.
METRICS: list[MetricDefinitionTypeDef] = [
    {"Name": "train:r2", "Regex": r"train:r2=([-+.0-9e]+)"},
    {"Name": "test:r2", "Regex": r"test:r2=([-+.0-9e]+)"},
]


@dataclass(frozen=True)
class Run:
    """What the steps share. `name` is unique; whatever a run creates has that name or begins so."""

    name: str
    settings: Settings
    connection: Connection
    progress: Progress
    tear_down: TearDown
    keep: bool = False

    @property
    def tags(self) -> list[TagTypeDef]:
        """What everything that the run creates is tagged with."""
        return [{"Key": key, "Value": value} for key, value in tags(self.name, self.keep).items()]

    def log(self, group: str, prefix: str) -> Log:
        """What containers write to the group's streams whose names begin with `prefix`."""
        return Log(self.connection.boto, self.progress, group, prefix)

    def key(self, *parts: str) -> str:
        """A key in the place's bucket."""
        return "/".join(part for part in (self.settings.place.prefix, self.name, *parts) if part)

    def uri(self, *parts: str) -> str:
        return f"s3://{self.settings.place.bucket}/{self.key(*parts)}"


def run(
    settings: Settings,
    *,
    progress: Progress,
    hold: Hold | None = None,
    to: AbstractContextManager[Connection] | None = None,
) -> Report:
    """Run the flow and tear down what it made, whatever happens.

    `hold` is called with the report while the endpoint serves. Where all of it would end with this
    process, it ends when `hold` returns; where not, the endpoint is then left serving. `to` is
    where the calls go, by default the settings' target.

    Raises:
        HarnessError: a step failed, or something could not be torn down.
    """
    steps = Steps(progress)
    with ExitStack() as stack:
        with steps("start"):
            connection = stack.enter_context(to or connect(settings))
            docker = docker_engine.ensure(progress)
            for note in connection.notes(settings):
                progress(note)
        with steps("build"):
            built = build.build(settings, docker, progress=progress)
        this = begin(settings, connection, progress, keep=hold is not None)
        tear_down = stack.enter_context(this.tear_down)

        with steps("push"):
            uri = push(this, docker, built)
        with steps("stage"):
            data = dataset.split()
            channels = stage(this, data)
        with steps("train"):
            job = train(this, uri, channels)
        model_data = str(job.model_artifacts.s3_model_artifacts)
        with steps("deploy"):
            endpoint = deploy(this, uri, model_data)
            scale(this)
        with steps("predict"):
            predicted = predict(endpoint, data.x_train), predict(endpoint, data.x_test)
        local = None
        if settings.place.compare_locally:
            with steps("compare"):
                local = compare(this, built, model_data, data, predicted)

        report = Report(
            target=settings.target,
            region=settings.region,
            run=this.name,
            image=built.name,
            training_job=job.training_job_name,
            model_data=model_data,
            endpoint=endpoint.endpoint_name,
            r2=score(data, predicted),
            local=local,
            thresholds=R2(settings.thresholds.train_r2, settings.thresholds.test_r2),
            seconds=steps.so_far() | {"build": built.seconds},
        )
        if hold:
            hold(report, connection)
            if not connection.ephemeral:
                tear_down.forget()
        over = time.monotonic()
    steps.ended("tear_down", over)
    return replace(report, seconds=steps.so_far() | {"build": built.seconds})


def begin(settings: Settings, connection: Connection, progress: Progress, *, keep: bool) -> Run:
    """A run that has created nothing yet."""
    name = unique_name()
    place = settings.place
    limit = settings.endpoint.startup_timeout_seconds + place.provisioning_seconds
    patience = Patience(limit, place.poll_seconds, connection.ephemeral)
    tear_down = TearDown(connection.boto, connection.ledger(name), progress, patience)
    return Run(name, settings, connection, progress, tear_down, keep)


def unique_name() -> str:
    """A name for a run: when it was, and six digits that tell apart runs of one second."""
    return f"harness-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def push(this: Run, docker: DockerClient, built: BuiltImage) -> str:
    """Put the image where its containers will run; returns the name to run it by."""
    if not this.settings.place.repository:
        return built.name
    boto = this.connection.boto
    docker_engine = this.connection.engine(docker)
    return push_to_ecr(this.settings, boto, docker_engine, built, progress=this.progress)


def stage(this: Run, data: Split) -> list[ChannelTypeDef]:
    """Put the rows into S3 as csv, without header, the target last; returns the job's channels."""
    s3 = this.connection.boto.client("s3")
    bucket = this.settings.place.bucket
    channels: list[ChannelTypeDef] = []
    this.tear_down.add("objects", this.uri() + "/")
    for name, x, y in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        s3.put_object(
            Bucket=bucket,
            Key=this.key("data", name, f"{name}.csv"),
            Body=csv(x, y),
            ContentType="text/csv",
            Tagging=urlencode(tags(this.name, this.keep)),
        )
        channels.append(
            {
                "ChannelName": name,
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": this.uri("data", name) + "/",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        )
    return channels


def train(this: Run, image_uri: str, channels: list[ChannelTypeDef]) -> TrainingJob:
    """Train to the end; returns the completed job.

    The job is created through boto3 and not through `TrainingJob.create`: importing the SDK's
    resources takes two seconds, which are free while the container trains.
    """
    settings = this.settings
    client = this.connection.boto.client("sagemaker")
    this.tear_down.add("training job", this.name)
    client.create_training_job(
        TrainingJobName=this.name,
        AlgorithmSpecification={
            "TrainingImage": image_uri,
            "TrainingInputMode": "File",
            "MetricDefinitions": METRICS,
        },
        HyperParameters={
            **{name: str(value) for name, value in settings.hyperparameters},
            "train-file": "train.csv",
            "test-file": "test.csv",
        },
        InputDataConfig=channels,
        OutputDataConfig={"S3OutputPath": this.uri("output")},
        ResourceConfig={
            "InstanceType": cast("TrainingInstanceTypeType", settings.training.instance_type),
            "InstanceCount": settings.training.instance_count,
            "VolumeSizeInGB": settings.training.volume_size_gb,
        },
        **stopping(settings),
        RoleArn=settings.place.role_arn,
        Tags=this.tags,
    )
    limit, poll = settings.place.provisioning_seconds, settings.place.poll_seconds
    wait_for_start(client, this.name, seconds=limit, poll=poll, how_far=HowFar(this.progress))

    from sagemaker.core.resources import TrainingJob

    job = TrainingJob.get(
        training_job_name=this.name,
        session=this.connection.boto,
        region=this.connection.region,
    )
    wait(
        job,
        f"training job {this.name}",
        status="training_job_status",
        going={"InProgress", "Stopping"},
        done="Completed",
        seconds=settings.training.limit_seconds + limit,
        poll=poll,
        log=this.log("/aws/sagemaker/TrainingJobs", f"{this.name}/"),
    )
    return job


def stopping(settings: Settings) -> dict[str, Any]:
    """How long the job may run, always, and whether on spot instances."""
    training = settings.training
    limits: StoppingConditionTypeDef = {"MaxRuntimeInSeconds": training.max_runtime_seconds}
    if not training.spot:
        return {"StoppingCondition": limits}
    limits["MaxWaitTimeInSeconds"] = training.max_wait_seconds
    return {"StoppingCondition": limits, "EnableManagedSpotTraining": True}


def wait_for_start(
    client: SageMakerClient, name: str, *, seconds: float, poll: float, how_far: HowFar
) -> None:
    """Return once the job's container trains, or never will, or time is up.

    A local job is staged on this machine, and would have to share its processors with the import.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = client.describe_training_job(TrainingJobName=name)
        for now in job.get("SecondaryStatusTransitions", [])[-1:]:
            how_far.show(now["Status"], now.get("StatusMessage", ""))
        if job["TrainingJobStatus"] != "InProgress" or job["SecondaryStatus"] == "Training":
            return
        time.sleep(poll)


def deploy(this: Run, image_uri: str, model_data: str) -> Endpoint:
    """Serve the model.tar.gz at `model_data`; returns the endpoint once it is in service."""
    from sagemaker.core.resources import Endpoint, EndpointConfig, Model
    from sagemaker.core.shapes import ContainerDefinition, ProductionVariant

    settings = this.settings
    common: dict[str, Any] = {
        "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in this.tags],
        "session": this.connection.boto,
        "region": this.connection.region,
    }

    this.tear_down.add("model", this.name)
    Model.create(
        model_name=this.name,
        primary_container=ContainerDefinition(image=image_uri, model_data_url=model_data),
        execution_role_arn=settings.place.role_arn,
        **common,
    )

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
        log=this.log(f"/aws/sagemaker/Endpoints/{this.name}", ""),
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


def predict(endpoint: Endpoint, x: Array) -> Array:
    """The endpoint's predictions for rows of shape (n, k): shape (n,), in as few calls as fit."""
    rows = max(1, (MAX_BODY_BYTES - 1024) // (x.shape[1] * x.itemsize))
    predicted = []
    for start in range(0, len(x), rows):
        body = io.BytesIO()
        np.save(body, x[start : start + rows], allow_pickle=False)
        answer = endpoint.invoke(body=body.getvalue(), content_type=NPY, accept=NPY)
        part = _array(answer.body.read())
        expected = (len(x[start : start + rows]),)
        if part.shape != expected or not np.isfinite(part).all():
            raise FlowError(
                f"endpoint {endpoint.endpoint_name} answered an array of shape {part.shape} where "
                f"finite numbers of shape {expected} were due: look at the container's predict_fn."
            )
        predicted.append(part)
    return np.concatenate(predicted)


def _array(body: bytes) -> Array:
    try:
        return np.asarray(np.load(io.BytesIO(body), allow_pickle=False), dtype=float)
    except ValueError as error:
        raise FlowError(f"the endpoint's answer is not an array of numbers: {error}") from None


def compare(
    this: Run, built: BuiltImage, model_data: str, data: Split, predicted: Predicted
) -> Comparison:
    """Serve the same image and artifact on a local AWS of its own; say how far apart they are."""
    settings = this.settings.model_copy(
        update={
            "target": "local",
            "local": this.settings.local.model_copy(update={"endpoint_url": ""}),
        }
    )
    with connect(settings) as connection:
        twin = begin(settings, connection, this.progress, keep=False)
        with twin.tear_down:
            bucket, key = model_data.removeprefix("s3://").split("/", 1)
            artifact = this.connection.boto.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            twin_data = twin.uri("model.tar.gz")
            connection.boto.client("s3").upload_fileobj(
                artifact, settings.place.bucket, twin.key("model.tar.gz")
            )
            endpoint = deploy(twin, built.name, twin_data)
            here = predict(endpoint, data.x_train), predict(endpoint, data.x_test)
    largest = max(np.abs(part).max() for part in here)
    difference = max(np.abs(a - b).max() for a, b in zip(here, predicted, strict=True))
    return Comparison(score(data, here), float(difference / max(largest, 1.0)))


def score(data: Split, predicted: Predicted) -> R2:
    """R² of the predictions for the rows of `x_train`, and for those of `x_test`."""
    return R2(r_squared(data.y_train, predicted[0]), r_squared(data.y_test, predicted[1]))


def r_squared(y: Array, predicted: Array) -> float:
    """The coefficient of determination, as scikit-learn's `r2_score` has it."""
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def csv(x: Array, y: Array) -> bytes:
    """Rows of numbers, the target last, each number with all its digits."""
    rows = (
        ",".join(map(repr, (*features, target)))
        for features, target in zip(x.tolist(), y.tolist(), strict=True)
    )
    return ("\n".join(rows) + "\n").encode()
