"""docs/coverage.md says what the code does."""

import importlib.util
from pathlib import Path

import pytest

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


def test_every_operation_of_sagemaker_s_is_real_a_record_or_refused(coverage):
    states = set(coverage.states()["sagemaker"].values())
    assert states == {coverage.REAL, coverage.RECORD, coverage.REFUSED}
