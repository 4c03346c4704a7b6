"""`harness env` from outside, without a Docker engine."""

import json
import urllib.request
from pathlib import Path

import pytest


def test_env_says_what_to_set_and_unset(commands):
    running = commands.up()
    hostile = {"AWS_ENDPOINT_URL_S3": "http://a", "HTTP_PROXY": "http://b", "NO_PROXY": "c"}
    variables = json.loads(commands.run("env", "--json", **hostile).stdout)

    assert variables["AWS_ENDPOINT_URL"] == running["url"]
    assert variables["AWS_DEFAULT_REGION"] == variables["AWS_REGION"] == "us-east-1"
    assert variables["NO_PROXY"] == "c,127.0.0.1"
    assert variables["no_proxy"] == "127.0.0.1"
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        assert variables[name] is None
    folder = Path(variables["AWS_DATA_PATH"])
    assert list(folder.glob("sagemaker/*/waiters-2.sdk-extras.json"))
    defaults = json.loads(Path(variables["SAGEMAKER_USER_CONFIG_OVERRIDE"]).read_text())
    modules = defaults["SageMaker"]["PythonSDK"]["Modules"]
    assert defaults["SchemaVersion"] == "1.0"
    assert modules == {"Session": {"DefaultS3Bucket": "my-bucket"}, "TelemetryOptOut": True}


@pytest.mark.parametrize("host", ["0.0.0.0", "::1"])
def test_env_has_a_url_that_leads_to_any_address(commands, host):
    up = commands.run("up", "--detach", "--port", "0", "--host", host, "--json")
    assert up.returncode == 0, up.stderr
    variables = json.loads(commands.run("env", "--json").stdout)

    with urllib.request.urlopen(f"{variables['AWS_ENDPOINT_URL']}/_harness/health", timeout=10):
        pass
    assert "0.0.0.0" not in variables["AWS_ENDPOINT_URL"]
