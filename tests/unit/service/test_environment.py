"""`harness env` from outside, without a Docker engine."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from harness.local.core.debug.python import sitecustomize as debug_sitecustomize
from harness.service.python import sitecustomize


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
    places = json.loads((folder / "endpoints.json").read_text())["partitions"]
    assert {each["defaults"]["hostname"] for each in places} == {
        running["url"].removeprefix("http://")
    }
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


@pytest.mark.slow
def test_what_botocore_has_of_the_users_own_comes_first(commands, tmp_path):
    commands.up()

    def data_path(**environment):
        variables = json.loads(commands.run("env", "--json", **environment).stdout)
        return variables["AWS_DATA_PATH"].split(os.pathsep)

    ours = data_path()
    assert len(ours) == 1
    assert data_path(AWS_DATA_PATH="/mine") == ["/mine", "~/.aws/models", *ours]
    assert data_path(AWS_DATA_PATH=f"/mine:{ours[0]}") == ["/mine", "~/.aws/models", *ours]
    models = tmp_path / ".aws" / "models"
    models.mkdir(parents=True)
    (models / "endpoints.json").write_text("{}")
    assert data_path(HOME=str(tmp_path)) == ["~/.aws/models", *ours]


SDK = """
import sagemaker.core.config.config as config, sagemaker.core.config.config_manager as manager
import json, jsonschema, sys, os
counts = {"schema": 0}
checked = jsonschema.Draft202012Validator.check_schema.__func__
def check(cls, *given, **options):
    counts["schema"] += 1
    return checked(cls, *given, **options)
for each in (jsonschema.Draft202012Validator, jsonschema.Draft7Validator):
    each.check_schema = classmethod(check)
loaded = config.load_sagemaker_config()
for _ in range(5):
    config.validate_sagemaker_config(loaded)
    manager.SageMakerConfig().validate_sagemaker_config(loaded)
try:
    config.validate_sagemaker_config({"SchemaVersion": "1.0", "SageMaker": {"Nothing": 1}})
except jsonschema.ValidationError as error:
    refused = error.message
print(json.dumps({**counts, "refused": refused, "loaded": loaded, "next": os.environ.get("NEXT")}))
"""


def sdk(commands, tmp_path, **environment):
    """What an SDK of a shell with these variables says, and what `harness env` sets there."""
    variables = json.loads(commands.run("env", "--json", **environment).stdout)
    environ = {**os.environ, **environment, **{k: v for k, v in variables.items() if v is not None}}
    done = subprocess.run(
        [sys.executable, "-c", SDK],
        cwd=tmp_path,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_sdk_checks_its_defaults_and_not_their_schema_each_time(commands, tmp_path):
    commands.up()
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['NEXT'] = 'ran'")

    said = sdk(commands, tmp_path, PYTHONPATH=str(tmp_path))

    assert said["schema"] == 0
    assert "Nothing" in said["refused"]
    assert said["loaded"]["SageMaker"]["PythonSDK"]["Modules"]["TelemetryOptOut"] is True
    assert said["next"] == "ran"  # the user's own sitecustomize


@pytest.mark.parametrize("first", [0, 1])
def test_each_of_several_sitecustomizes_runs_once(tmp_path, first):
    (tmp_path / "sitecustomize.py").write_text("print('ran')")
    both = sitecustomize, debug_sitecustomize
    ours = [str(Path(str(each.__file__)).parent) for each in both]
    path = os.pathsep.join([ours[first], ours[1 - first], str(tmp_path)])

    done = subprocess.run(
        [sys.executable, "-c", ""],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("ran\n", "")


STS = """
import boto3
url = "https://sts.us-east-1.amazonaws.com"  # as the SageMaker SDK names it
print(boto3.client("sts", endpoint_url=url).get_caller_identity()["Arn"])
"""


@pytest.mark.slow
def test_sts_is_found_also_where_its_url_is_aws_own(commands):
    commands.up()
    variables = json.loads(commands.run("env", "--json").stdout)
    given = {name: value for name, value in variables.items() if value is not None}
    said = subprocess.run(
        [sys.executable, "-c", STS],
        env={**os.environ, **given},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.stdout.startswith("arn:aws:sts::123456789012:assumed-role/harness/")
