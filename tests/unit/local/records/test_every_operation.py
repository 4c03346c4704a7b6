"""No operation of SageMaker's answers a success that didn't happen.

Each is carried out, or answers about a record and says so in a header, or is refused.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.protocol import validation
from harness.local.protocol.service import Service
from harness.local.records import kinds, special
from harness.local.records.provider import HEADER, Records
from tests.unit.local.records.kinds_of_records import KINDS, MODEL
from tests.unit.local.records.samples import sample

PROVIDERS = make_providers(Backend(str, "us-east-1", "123456789012"))["sagemaker"]
SERVICE = Service("sagemaker", PROVIDERS)
(RECORDS,) = (each for each in PROVIDERS if isinstance(each, Records))


def requests(operation: str) -> list[dict[str, Any]]:
    """Requests that the model allows: with the least that they must have, and with all."""
    shape = MODEL.operation_model(operation).input_shape
    if shape is None:
        return [{}]
    found = [sample(shape), sample(shape, whole=True)]
    assert [validation.check(shape, each) for each in found] == [None, None]
    return found


@pytest.fixture(scope="module")
def client(aws):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return aws.session.client("sagemaker", config=config)


@pytest.mark.parametrize("operation", MODEL.operation_names)
def test_it_is_real_or_a_record_or_refused(client, operation):
    assert operation in SERVICE.operations
    for request in requests(operation):
        try:
            headers = client._make_api_call(operation, request)["ResponseMetadata"]["HTTPHeaders"]
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            said = error.response["Error"]
            assert status in (400, 404, 409)
            assert said["Code"] not in ("UnknownOperationException", "InternalFailure")
            assert len(said["Message"]) > 10
        else:
            assert operation not in RECORDS.refused
            assert (headers.get(HEADER) == "true") is (operation not in SERVICE.real)


REFUSED = kinds.table("refused.toml")


@pytest.mark.parametrize("operation", sorted(RECORDS.refused - SERVICE.real.keys()))
def test_what_is_refused_says_why(client, operation):
    for request in requests(operation):
        with pytest.raises(ClientError) as refused:
            client._make_api_call(operation, request)
        said = refused.value.response["Error"]
        noun = operation.removeprefix("Create").removeprefix("Put")
        why = REFUSED["operations"].get(operation) or REFUSED["kinds"].get(noun)
        if why and (operation in REFUSED["operations"] or operation.startswith(("Create", "Put"))):
            assert (said["Code"], said["Message"]) == (
                "ValidationException",
                f"{operation}: {why}.",
            )
        else:
            errors = {each.name for each in MODEL.operation_model(operation).error_shapes}
            known = "ResourceNotFound" in errors
            assert said["Code"] == ("ResourceNotFound" if known else "ValidationException")
            assert re.match(r"Could not find [a-zA-Z0-9 ]+ '.+'\.", said["Message"])


def test_the_tables_name_what_there_is():
    for operation in (*REFUSED["operations"], *REFUSED["absent"], *REFUSED["empty"]):
        assert operation in MODEL.operation_names
    for noun, why in REFUSED["kinds"].items():
        assert {f"Create{noun}", f"Put{noun}"} & {*MODEL.operation_names}, noun
        assert not why.endswith(".")
    assert not REFUSED["kinds"].keys() & KINDS.keys()
    for kind in KINDS.values():
        assert set(kind.line) <= set(kinds.Line.__annotations__), kind.noun
        more = [name for name, (noun, _) in special.HANDLERS.items() if noun == kind.noun]
        shapes = [MODEL.operation_model(each).input_shape for each in (*kind.operations, *more)]
        members = {name for shape in shapes if shape is not None for name in shape.members}
        for name in kind.line.get("refused", {}):
            operation, _, member = name.rpartition(".")
            assert member in members
            assert operation == "" or operation in kind.operations
        for name in (*kind.line.get("cascade", ()), *(p for p, *_ in kind.line.get("parents", ()))):
            assert name in KINDS
