"""What a configuration makes of its models and their containers, without any container."""

import math
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from harness.local.core.backend import Backend
from harness.local.data.volumes import Volume
from harness.local.hosting.containers import serving
from harness.local.hosting.containers.model import Model
from harness.local.hosting.endpoints import Endpoints
from harness.local.hosting.variant import STARTUP_TIMEOUT, Variant
from harness.local.protocol.messages import RequestContext

CONTEXT = RequestContext("sagemaker", "CreateEndpoint", "us-east-1", "123456789012", "r")
MODEL: Any = SimpleNamespace(container={})


@pytest.mark.parametrize("isolated", [True, False])
def test_a_configuration_may_isolate_its_models(isolated):
    backend = Backend(str, "us-east-1", "123456789012")
    endpoints = Endpoints(backend)
    request = {"ModelName": "m", "PrimaryContainer": {"Image": "image:1"}}
    model = Model(CONTEXT.arn("model/m"), request, datetime.now(UTC))
    backend.store.table("model").add(model)
    config: Any = SimpleNamespace(request={"EnableNetworkIsolation": isolated})
    assert endpoints._model(CONTEXT, config, "m").isolated is isolated
    assert not endpoints._models.find(CONTEXT, "m").isolated


def test_a_deployment_leaves_containers_no_more_than_its_own_time():
    asked = {"VariantName": "v", "ContainerStartupHealthCheckTimeoutInSeconds": 3600}
    assert Variant(asked, MODEL).startup_timeout == 3600
    assert Variant(asked, MODEL, 700.0).startup_timeout == 700
    assert Variant({"VariantName": "v"}, MODEL, math.inf).startup_timeout == STARTUP_TIMEOUT


def test_model_data_that_is_not_there_in_time(aws, new):
    prefix = new("model")
    aws.s3.put_object(Bucket=aws.bucket, Key=f"{prefix}/a", Body=b"a")
    source = {
        "S3Uri": f"s3://{aws.bucket}/{prefix}/", "S3DataType": "S3Prefix", "CompressionType": "None"
    }  # fmt: skip
    container = {"Image": "image:1", "ModelDataSource": {"S3DataSource": source}}
    model = Model("arn", {"ModelName": "m", "PrimaryContainer": container}, datetime.now(UTC))
    backend: Any = SimpleNamespace(s3=aws.s3, container_files=lambda *_, **__: {})
    put: Any = SimpleNamespace(put=lambda folder, files: list(files))
    serving.put_model(backend, put, model, print, Volume(1 << 30), math.inf)
    with pytest.raises(serving.DeployError, match="not downloaded within 0 s, its ModelDataDown"):
        serving.put_model(backend, put, model, print, Volume(1 << 30), 0)
