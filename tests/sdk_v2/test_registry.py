"""`Model.register` and `ModelPackage.deploy` with the project's image."""

from __future__ import annotations

import numpy as np
import pytest
import sagemaker
from sagemaker.deserializers import NumpyDeserializer
from sagemaker.model import Model, ModelPackage
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.predictor import Predictor
from sagemaker.serializers import NumpySerializer

from examples.gauss3 import gauss3 as dataset
from tests.sdk_v2 import notebook

PREFIX = "sdk-v2/registry"
INSTANCES = {
    "inference_instances": [notebook.INSTANCE_TYPE],
    "transform_instances": [notebook.INSTANCE_TYPE],
    "content_types": ["application/x-npy"],
    "response_types": ["application/x-npy"],
}


@pytest.fixture(scope="module")
def trained(image, environment):
    """A trained estimator, for all tests of this module."""
    session = sagemaker.Session()
    channels = notebook.upload(session.default_bucket(), PREFIX)
    trained = notebook.estimator(session, image, PREFIX)
    trained.fit(channels, logs="None")
    return trained


@pytest.fixture
def model(trained, image, session):
    return Model(
        image_uri=image, model_data=trained.model_data, role=notebook.ROLE,
        sagemaker_session=session, env={"OF": "the package"},
    )  # fmt: skip


def test_a_model_is_registered_approved_and_deployed(model, session, prefix):
    group = prefix.replace("/", "-")
    metrics = ModelMetrics(
        model_statistics=MetricsSource("application/json", "s3://bucket/statistics.json")
    )
    registered = [
        model.register(
            model_package_group_name=group, model_metrics=metrics, description="a GAM",
            customer_metadata_properties={"team": "blue"}, **INSTANCES,
        )  # the group is made with the first one, and there with the second one
        for _ in range(2)
    ]  # fmt: skip
    client = session.sagemaker_client
    summaries = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [each["ModelPackageArn"] for each in summaries] == [
        each.model_package_arn for each in registered
    ]
    first, second = registered
    first.update_approval_status("Rejected", "not this one")
    first.remove_customer_metadata_properties(["team"])
    found = client.describe_model_package(ModelPackageName=first.model_package_arn)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert "CustomerMetadataProperties" not in found
    assert found["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].endswith("statistics.json")

    package = ModelPackage(
        role=notebook.ROLE,
        model_package_arn=second.model_package_arn,
        sagemaker_session=session,
        predictor_cls=Predictor,
    )
    predictor = package.deploy(
        initial_instance_count=1,
        instance_type=notebook.INSTANCE_TYPE,
        serializer=NumpySerializer(),
        deserializer=NumpyDeserializer(),
    )
    try:
        # The SDK approves what it deploys.
        found = client.describe_model_package(ModelPackageName=second.model_package_arn)
        assert found["ModelApprovalStatus"] == "Approved"
        described = client.describe_model(ModelName=package.name)
        assert described["Containers"] == [{"ModelPackageName": second.model_package_arn}]
        data = dataset.split()
        r2 = notebook.r_squared(data.y_test, np.ravel(predictor.predict(data.x_test)))
        assert r2 == pytest.approx(0.99717, abs=1e-5)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()
        for each in registered:
            client.delete_model_package(ModelPackageName=each.model_package_arn)
        client.delete_model_package_group(ModelPackageGroupName=group)


def test_a_package_without_a_version_is_registered_and_named(model, session, prefix):
    name = prefix.replace("/", "-")
    model.env = {}
    package = model.register(model_package_name=name, **INSTANCES)
    found = session.wait_for_model_package(name)
    assert found["ModelPackageArn"] == package.model_package_arn
    assert found["ModelPackageStatus"] == "Completed"
    session.sagemaker_client.delete_model_package(ModelPackageName=name)


def test_a_clone_has_the_specification_of_its_source(model, session, prefix):
    group = prefix.replace("/", "-")
    first = model.register(model_package_group_name=group, source_uri="a notebook", **INSTANCES)
    clone = model.register(
        model_package_group_name=group, source_uri=first.model_package_arn, **INSTANCES
    )
    client = session.sagemaker_client
    one, two = (
        client.describe_model_package(ModelPackageName=each.model_package_arn)
        for each in (first, clone)
    )
    assert one["SourceUri"] == "a notebook"
    assert two["SourceUri"] == first.model_package_arn
    assert one["InferenceSpecification"] == two["InferenceSpecification"]
