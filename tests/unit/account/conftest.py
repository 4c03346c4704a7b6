"""An account as docs/aws.md has it, on the local AWS behind a proxy that answers with errors."""

import json

import pytest

from harness.config.places import Aws
from harness.config.settings import Settings
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.faults import Faults
from tests.unit.account.asking import ACCOUNT, document, numbers, role


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path_factory.mktemp('engine')}/none.sock")
        with LocalAWS() as server, Faults(server.url) as faults:
            yield faults


@pytest.fixture
def environment(faults, monkeypatch, tmp_path):
    """Credentials as a user has them, and AWS where the local one is."""
    faults.clear()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", faults.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "harness")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "harness")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def boto(faults):
    return local_boto_session(faults.url, "us-east-1")


@pytest.fixture
def iam(boto):
    return boto.client("iam")


@pytest.fixture
def settings(boto, iam, faults):
    """Settings whose role and bucket are as docs/aws.md says, each test's its own."""
    number = next(numbers)
    settings = Settings(
        target="aws",
        aws=Aws(
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/harness-execution-{number}",
            bucket=f"preflight-{number}",
            repository=f"preflight-{number}",
        ),
    )
    boto.client("s3").create_bucket(Bucket=settings.aws.bucket)
    iam.create_role(
        RoleName=role(settings), AssumeRolePolicyDocument=document("execution-role-trust", settings)
    )
    iam.put_role_policy(
        RoleName=role(settings),
        PolicyName="harness",
        PolicyDocument=document("execution-role", settings),
    )
    faults.clear()
    return settings


@pytest.fixture
def be_a_user(iam, monkeypatch):
    """Makes a user with a policy, and calls come from there."""

    def be(*statements):
        name = f"harness-user-{next(numbers)}"
        iam.create_user(UserName=name)
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        return name

    return be
