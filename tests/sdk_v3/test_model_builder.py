"""`sagemaker.serve.ModelBuilder`: the project's image and the trained model, served."""

from __future__ import annotations

import io
import tarfile

import boto3
import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.training.configs import SourceCode
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.serve import ModelBuilder

from tests.sdk_v3 import support


def test_a_built_model_is_deployed_invoked_and_deleted(image, role, trained, data, name):
    build = ModelBuilder(
        image_uri=image,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        role_arn=role,
        instance_type=support.INSTANCE,
        env_vars={"EXTRA": "of the model"},
    )
    model = build.build(model_name=name)
    assert isinstance(model, Model)
    assert model.primary_container.environment["EXTRA"] == "of the model"

    endpoint = build.deploy(endpoint_name=name, initial_instance_count=1)
    try:
        assert isinstance(endpoint, Endpoint)
        assert endpoint.endpoint_status == "InService"
        predicted = support.predict(endpoint, data.test)
        r2 = support.r_squared(data.test, predicted)
        assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
        answer = endpoint.invoke(body="101\n102\n", content_type="text/csv", accept="text/csv")
        assert len(answer.body.read().split()) == 2
        assert answer.content_type.startswith("text/csv")
    finally:
        endpoint.delete()
        endpoint.wait_for_delete(poll=1, timeout=support.WAIT)
        EndpointConfig.get(name).delete()
        model.delete()
    for resource in (Endpoint, EndpointConfig, Model):
        with pytest.raises(ClientError, match="Could not find"):
            resource.get(name)


def test_a_model_that_does_not_load_fails_to_deploy(image, role, bucket, name):
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w:gz"):
        pass  # nothing in it
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{name}/model.tar.gz", Body=broken.getvalue())
    build = ModelBuilder(
        image_uri=image,
        s3_model_data_url=f"s3://{bucket}/{name}/model.tar.gz",
        role_arn=role,
        instance_type=support.INSTANCE,
    )
    model = build.build(model_name=name)
    endpoint = build.deploy(endpoint_name=name, initial_instance_count=1, wait=False)
    try:
        with pytest.raises(FailedStatusError, match="did not pass the ping health check"):
            endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)
    finally:
        endpoint.delete()
        endpoint.wait_for_delete(poll=1, timeout=support.WAIT)
        EndpointConfig.get(name).delete()
        model.delete()


def test_source_code_goes_into_the_model_and_serves(image, role, trained, data, name, tmp_path):
    (tmp_path / "inference.py").write_text(
        "import joblib, pathlib\n"
        "def model_fn(folder): return joblib.load(pathlib.Path(folder) / 'model.joblib')\n"
        "def predict_fn(rows, model): return model.predict(rows) + 1000\n"
    )
    build = ModelBuilder(
        image_uri=image,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        role_arn=role,
        instance_type=support.INSTANCE,
        source_code=SourceCode(source_dir=str(tmp_path), entry_script="inference.py"),
    )
    model = build.build(model_name=name)
    assert "code/inference.py" in support.unpack(model.primary_container.model_data_url)
    endpoint = build.deploy(endpoint_name=name, initial_instance_count=1, wait=False)
    try:
        endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)
        r2 = support.r_squared(data.test, support.predict(endpoint, data.test) - 1000)
        assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
    finally:
        endpoint.delete()
        endpoint.wait_for_delete(poll=1, timeout=support.WAIT)
        EndpointConfig.get(name).delete()
        model.delete()
