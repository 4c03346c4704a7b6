"""`ModelBuilder.register` and the typed resources of the registry, with the project's image."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
)
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.serve import ModelBuilder

from tests.sdk_v3 import support


@pytest.fixture
def build(image, role, trained, session):
    return ModelBuilder(
        image_uri=image,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        role_arn=role,
        sagemaker_session=session,
        env_vars={"EXTRA": "of the package"},
    )


def test_a_model_is_registered_approved_and_deployed(build, role, data, name):
    group = ModelPackageGroup.create(
        model_package_group_name=name, model_package_group_description="GAMs"
    )
    assert group.model_package_group_status == "Completed"
    arns = [
        build.register(
            model_package_group_name=name, inference_instances=[support.INSTANCE],
            content_types=[support.NPY], response_types=[support.NPY], description="a GAM",
        )
        for _ in range(2)
    ]  # fmt: skip
    versions = list(ModelPackage.get_all(model_package_group_name=name))
    assert [each.model_package_version for each in versions] == [1, 2]
    assert [each.model_package_arn for each in versions] == arns

    package = ModelPackage.get(arns[-1])
    package.wait_for_status("Completed", poll=1, timeout=support.WAIT)
    assert package.model_approval_status == "PendingManualApproval"
    container = ContainerDefinition(model_package_name=package.model_package_arn)
    with pytest.raises(ClientError, match="is not approved"):
        Model.create(model_name=name, execution_role_arn=role, primary_container=container)
    package.update(model_approval_status="Approved", approval_description="R² is 0.997")
    assert package.model_approval_status == "Approved"

    model = Model.create(model_name=name, execution_role_arn=role, primary_container=container)
    assert model.primary_container.model_package_name == package.model_package_arn
    variant = ProductionVariant(
        variant_name="AllTraffic", model_name=name, initial_instance_count=1,
        instance_type=support.INSTANCE,
    )  # fmt: skip
    EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    try:
        endpoint.wait_for_status("InService", poll=1, timeout=support.WAIT)
        r2 = support.r_squared(data.test, support.predict(endpoint, data.test))
        assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
    finally:
        endpoint.delete()
        endpoint.wait_for_delete(poll=1, timeout=support.WAIT)
        EndpointConfig.get(name).delete()
        model.delete()
    with pytest.raises(ClientError, match="it still contains 2 model packages"):
        group.delete()


def test_a_package_without_a_version_is_read_updated_and_deleted(build, name):
    build.register(
        model_package_name=name,
        inference_instances=[support.INSTANCE],
        transform_instances=[support.INSTANCE],
        content_types=[support.NPY],
        response_types=[support.NPY],
    )
    package = ModelPackage.get(name)
    assert package.model_package_name == name
    package.update(customer_metadata_properties={"team": "blue"})
    assert package.customer_metadata_properties == {"team": "blue"}
    package.delete()
    with pytest.raises(ClientError, match="does not exist"):
        ModelPackage.get(name)
