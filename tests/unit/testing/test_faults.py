"""The fixture `faults`, in a suite of its own; no Docker."""

import pytest

pytest_plugins = ["pytester"]

SUITE = """
    import json
    import urllib.request

    import boto3
    import pytest
    from botocore.config import Config
    from botocore.exceptions import ClientError

    @pytest.fixture
    def sagemaker(local_aws):
        return boto3.client(
            "sagemaker", region_name="us-east-1", endpoint_url=local_aws.url,
            aws_access_key_id="h", aws_secret_access_key="h",
            config=Config(retries={"total_max_attempts": 3, "mode": "standard"}),
        )

    def test_survives(faults, sagemaker):
        added = faults.add(operation="ListModels", error="Throttling", count=2, times=2)
        assert sagemaker.list_models()["Models"] == []
        assert added.happened == 2

    def test_nothing_is_left(local_aws):
        with urllib.request.urlopen(f"{local_aws.url}/_harness/faults") as answer:
            assert json.load(answer) == {"faults": []}

    def test_never_happens(faults):
        faults.add(operation="ListModels", error="Throttling")

    def test_too_often(faults, sagemaker):
        faults.add(operation="ListModels", error="Throttling", times=1)
        with pytest.raises(ClientError):
            sagemaker.list_models()

    def test_wrong(faults):
        faults.add(operation="ListModels", eror="Throttling")
"""


@pytest.mark.slow
def test_faults_are_a_tests_own_and_must_happen(pytester, monkeypatch):
    monkeypatch.delenv("HARNESS_TARGET", raising=False)
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-rEs")
    result.assert_outcomes(passed=4, failed=1, errors=2)
    result.stdout.fnmatch_lines_random([
        "*the fault operation='ListModels', error='Throttling' has never happened: nothing called*",
        "*has happened 3 times, and should have once*",
        "*ConfigError: faults.add: eror: unknown key (did you mean error?)*",
    ])  # fmt: skip


def test_there_are_none_on_aws(pytester, monkeypatch):
    monkeypatch.delenv("HARNESS_TARGET", raising=False)
    pytester.makepyfile("def test_it(faults): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--harness-target=aws")
    result.assert_outcomes(skipped=1)


pytestmark = pytest.mark.timeout(120)
