"""Instance types with GPUs and the like: refused where the engine has none, unless ignored."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.config.places import Local
from harness.local.aws import LocalAWS, make_providers
from harness.local.core import instances
from harness.local.core.backend import Backend
from harness.local.core.client import local_boto_session
from harness.local.protocol.errors import AwsError

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
WAY_OUT = 'gpu = "ignore" in [local] of harness.toml (HARNESS_LOCAL_GPU=ignore) runs it without.'


def backend(*, gpus, ignores=False):
    made = Backend(str, "us-east-1", "123456789012", ignores_gpus=ignores)
    engine: Any = SimpleNamespace(
        has_gpus=lambda: gpus, missing_image=lambda _: None, means=lambda: (1, 1)
    )
    made.containers = engine
    return made


def test_gpus_that_the_engine_has():
    instances.check_accelerators(backend(gpus=True), ["ml.g5.xlarge", "ml.m5.large"])
    assert backend(gpus=True).gpus("ml.g5.12xlarge") == 4


def test_gpus_that_it_has_not():
    with pytest.raises(AwsError) as refused:
        instances.check_accelerators(backend(gpus=False), ["ml.m5.large", "ml.g5.xlarge"])
    assert refused.value.message == (
        f"ml.g5.xlarge has GPUs, and the Docker engine has none; {WAY_OUT}"
    )
    instances.check_accelerators(backend(gpus=False), ["ml.m5.large", ""])


def test_accelerators_that_only_aws_has():
    with pytest.raises(AwsError) as refused:
        instances.check_accelerators(backend(gpus=True), ["ml.inf2.xlarge"])
    assert refused.value.message == (
        f"ml.inf2.xlarge has accelerators that only AWS has; {WAY_OUT}"
    )


def test_both_are_ignored_where_that_is_wished():
    wished = backend(gpus=False, ignores=True)
    instances.check_accelerators(wished, ["ml.inf2.xlarge", "ml.g5.xlarge"])
    assert wished.gpus("ml.g5.xlarge") == 0
    assert Local(gpu="ignore").gpu == "ignore"
    assert Local().gpu == "require"


@pytest.fixture
def without_gpus(no_engine):
    """A local AWS whose engine has no GPUs, and its clients' requests."""
    with LocalAWS() as server:
        ours = backend(gpus=False)
        ours._url = lambda: server._inner_url
        server._services["sagemaker"]._providers = make_providers(ours)["sagemaker"]
        server._services["sagemaker"].__dict__.pop("operations", None)
        yield local_boto_session(server.url, server.region).client("sagemaker")


def test_every_kind_that_has_instances_is_refused(without_gpus):
    sagemaker, gpu = without_gpus, "ml.g4dn.xlarge"
    sagemaker.create_model(
        ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"}
    )
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": gpu, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    resources = {"InstanceType": gpu, "InstanceCount": 1}
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}
    calls = (
        lambda: sagemaker.create_training_job(
            TrainingJobName="j",
            AlgorithmSpecification={"TrainingImage": "image:1", "TrainingInputMode": "File"},
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": "s3://b/out"},
            ResourceConfig={**resources, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        ),
        lambda: sagemaker.create_processing_job(
            ProcessingJobName="j",
            AppSpecification={"ImageUri": "image:1"},
            RoleArn=ROLE,
            ProcessingResources={"ClusterConfig": {**resources, "VolumeSizeInGB": 1}},
        ),
        lambda: sagemaker.create_transform_job(
            TransformJobName="j",
            ModelName="m",
            TransformInput={"DataSource": source},
            TransformOutput={"S3OutputPath": "s3://b/out"},
            TransformResources=resources,
        ),
        lambda: sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c"),
    )
    for call in calls:
        with pytest.raises(ClientError, match="has GPUs, and the Docker engine has none"):
            call()
