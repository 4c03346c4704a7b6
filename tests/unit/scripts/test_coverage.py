"""docs/coverage.md says what the code does."""

import importlib.util
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session

SCRIPT = Path(__file__).parents[3] / "scripts" / "coverage.py"


@pytest.fixture(scope="module")
def coverage():
    spec = importlib.util.spec_from_file_location("harness_coverage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_current(coverage):
    written = coverage.FILE.read_text()
    if coverage.versions() not in written:
        pytest.skip(f"it was written for other versions than {coverage.versions()}")

    assert written == coverage.document(), "run `make coverage`"


def test_what_it_calls_real_is_what_the_providers_have(coverage):
    written = coverage.FILE.read_text()
    real = {
        operation
        for operations in coverage.states().values()
        for operation, state in operations.items()
        if state == coverage.REAL
    }
    said = {
        line.split()[1] for line in written.splitlines() if line.endswith("| **runs for real** |")
    }

    assert {"CreateTrainingJob", "InvokeEndpoint"} <= real
    assert said == real


def test_what_it_calls_missing_answers_in_aws_s_form(coverage):
    missing = next(
        operation
        for operation, state in coverage.states()["sagemaker"].items()
        if state == coverage.MISSING and operation.startswith("List")
    )
    with LocalAWS() as server:
        client = local_boto_session(server.url, "us-east-1").client("sagemaker")
        method = next(
            name for name, api in client.meta.method_to_api_mapping.items() if api == missing
        )
        shape = client.meta.service_model.operation_model(missing).input_shape
        members = dict.fromkeys(shape.required_members, "a") if shape else {}
        with pytest.raises(ClientError) as refused:
            getattr(client, method)(**members)

    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"
    assert missing in refused.value.response["Error"]["Message"]
