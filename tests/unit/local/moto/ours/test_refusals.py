"""No operation of SageMaker's services of which nothing runs here is answered as if it did."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.moto.ours.refusals import SERVICES
from tests.unit.local.records.samples import sample

OPERATIONS = [
    (service, operation)
    for service in SERVICES
    for operation in ServiceModel(
        LOADER.load_service_model(service, "service-2"), service
    ).operation_names
]


@pytest.fixture(scope="module")
def call(aws):
    """Call an operation, with all that its model has."""
    clients: dict[str, Any] = {}
    config = Config(
        retries={"total_max_attempts": 1}, parameter_validation=False, inject_host_prefix=False
    )

    def call(service, operation):
        client = clients.setdefault(service, aws.session.client(service, config=config))
        shape = client.meta.service_model.operation_model(operation).input_shape
        return client._make_api_call(operation, sample(shape, whole=True) if shape else {})

    return call


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_each_operation_says_why(call, service, operation):
    with pytest.raises(ClientError) as refused:
        call(service, operation)
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["Error"]["Code"] in ("ValidationException", "ValidationError")
    assert response["Error"]["Message"] == f"{operation}: {SERVICES[service]}."


def test_all_of_sagemakers_services_run_here_or_are_refused():
    named = {
        each
        for each in LOADER.list_available_services("service-2")
        if each.startswith("sagemaker")
    }  # fmt: skip
    providers = make_providers(Backend(str, "us-east-1", "123456789012"))
    assert named == {*SERVICES, *(each for each in providers if each.startswith("sagemaker"))}


def test_the_error_is_the_services_own(aws):
    client = aws.session.client("sagemaker-featurestore-runtime")
    with pytest.raises(client.exceptions.ValidationError):
        client.get_record(FeatureGroupName="group", RecordIdentifierValueAsString="1")
