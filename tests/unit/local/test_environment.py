"""A local AWS in an environment whose choice of AWS is broken in every way that there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import startup

ROOT = Path(__file__).parents[3]

NOWHERE = "http://127.0.0.1:9"

HOSTILE = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_DEFAULT_PROFILE": "no-such-profile",
    "AWS_CONFIG_FILE": "broken",
    "AWS_SHARED_CREDENTIALS_FILE": "broken",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_REGION": "nonsense",
    "AWS_DEFAULT_REGION": "nonsense",
    "AWS_ENDPOINT_URL": NOWHERE,
    "AWS_ENDPOINT_URL_S3": NOWHERE,
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": NOWHERE,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "maybe",
    "AWS_CA_BUNDLE": "/nowhere.pem",
    "REQUESTS_CA_BUNDLE": "/nowhere.pem",
    "HTTP_PROXY": NOWHERE,
    "http_proxy": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "ALL_PROXY": NOWHERE,
    "AWS_DATA_PATH": "/nowhere",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "maybe",
    "AWS_DEFAULTS_MODE": "nonsense",
    "AWS_MAX_ATTEMPTS": "nonsense",
    "AWS_RETRY_MODE": "nonsense",
    "AWS_STS_REGIONAL_ENDPOINTS": "nonsense",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "nonsense",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH": "nonsense",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "nonsense",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "nonsense",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "nonsense",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "nonsense",
    "AWS_METADATA_SERVICE_TIMEOUT": "nonsense",
}

USE = """
from harness.local.core.client import local_boto_session
from harness.local.core.logs import LogStreams

def use(url):
    boto = local_boto_session(url, "us-east-1")
    streams = LogStreams(lambda region: boto.client("logs", region_name=region))
    stream = streams.open("us-east-1", "/group", "stream")
    stream.write("a line")
    streams.close()
    (event,) = boto.client("logs").get_log_events(
        logGroupName="/group", logStreamName="stream")["events"]
    assert event["message"] == "a line"
    s3 = boto.client("s3")
    s3.create_bucket(Bucket="a-bucket")
    s3.put_object(Bucket="a-bucket", Key="key", Body=b"content")
    assert s3.get_object(Bucket="a-bucket", Key="key")["Body"].read() == b"content"
    assert "harness" in boto.client("sts").get_caller_identity()["Arn"]
    boto.client("cloudwatch").put_metric_data(
        Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert boto.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
    boto.client("iam").list_roles()
    boto.client("ecr").create_repository(repositoryName="repository")
    boto.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
"""

IN_THIS_PROCESS = """
from harness.local.aws import LocalAWS

with LocalAWS() as server:
    use(server.url)
"""

IN_ITS_OWN = """
from harness.config.settings import Settings
from harness.local.process import LocalProcess

with LocalProcess() as local:
    use(local.start(Settings()).url)
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [IN_THIS_PROCESS, IN_ITS_OWN], ids=["embedded", "its own"])
def test_it_works_and_says_nothing(tmp_path, program):
    (tmp_path / "broken").write_text("[broken\nx = \0")
    ended = subprocess.run(
        [sys.executable, "-c", USE + program],
        cwd=tmp_path,
        env={**os.environ, **HOSTILE, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.returncode == 0


def test_only_credential_helpers_get_what_is_taken_out(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("BOTO_CONFIG", "mine")
    with startup.without_aws():
        assert not [name for name in os.environ if name.startswith(("AWS_", "BOTO"))]
        assert startup.aws_environment["AWS_PROFILE"] == "mine"
    assert os.environ["AWS_PROFILE"] == os.environ["BOTO_CONFIG"] == "mine"
    assert startup.aws_environment == {}
