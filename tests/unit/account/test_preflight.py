"""The preflight against the local AWS: each problem in one sentence, all of them at once.

What the local AWS can't be brought to say (a token that expired) a proxy before it says.
"""

import socket

import pytest
from botocore.config import Config

from harness.account import preflight
from harness.account.checks import account
from harness.config.settings import Settings
from harness.errors import ConfigError
from tests.unit.account.asking import ACCOUNT, changed, problems, unknown

pytestmark = pytest.mark.usefixtures("environment")


def test_a_set_up_as_the_documentation_has_it_passes(settings, faults):
    checks = preflight.examine(settings)

    assert [check for check in checks if not check.ok or check.unknown] == []
    assert {check.name for check in checks} == {
        "region", "credentials", "role", "bucket", "caller", "repository", "quotas", "instances",
    }  # fmt: skip
    preflight.require(settings)


def test_it_changes_nothing(settings, faults):
    preflight.examine(settings)

    kinds = ("Get", "List", "Describe", "Head", "Simulate")
    assert {call for call in faults.calls if not call.partition(":")[2].startswith(kinds)} == set()


def test_nothing_set_and_no_credentials(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    found = problems(Settings(target="aws"))

    assert list(found) == ["role", "bucket", "credentials"]
    assert "HARNESS_AWS_ROLE_ARN" in found["role"]
    assert "HARNESS_AWS_BUCKET" in found["bucket"]
    assert "AWS_ACCESS_KEY_ID" in found["credentials"]


def test_a_network_that_leads_to_the_services_of_a_run_only(settings, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(account, "CONFIG", Config(retries={"total_max_attempts": 1}))
        monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", url)
        assert set(unknown(settings)) == {"role", "caller", "repository", "quotas"}

        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        found = problems(settings)

    assert list(found) == ["bucket"]
    assert "network" in found["bucket"]


def test_who_may_not_ask_gets_notes_and_no_failure(settings, faults):
    denied = "User is not authorized to perform this action"
    for operation in (
        "iam:SimulatePrincipalPolicy", "iam:GetRole", "ecr:DescribeRepositories",
        "servicequotas:GetServiceQuota",
    ):  # fmt: skip
        faults.add(operation, "AccessDenied", denied, status=403)

    found = unknown(settings)

    assert set(found) == {"role", "caller", "repository", "quotas"}
    assert "SimulatePrincipalPolicy" in found["role"]
    assert "GetServiceQuota" in found["quotas"]
    preflight.require(settings)


def test_throttling_and_lost_servers_fail_nothing(settings, faults):
    faults.add("*", "ThrottlingException", "Rate exceeded", times=1)
    faults.add("*", "InternalFailure", status=500, times=1)

    assert problems(settings) == {}


def test_many_problems_are_told_together(settings, faults):
    settings = changed(
        settings, "aws", role_arn=f"arn:aws:iam::{ACCOUNT}:role/nobody", bucket="not-there"
    )
    settings = changed(settings, "training", instance_type="ml.p5.48xlarge")
    settings = changed(settings, "endpoint", instance_type="ml.none.large")

    with pytest.raises(ConfigError) as raised:
        preflight.require(settings)

    text = str(raised.value)
    assert text.startswith('target = "aws" can\'t run yet, ')
    for sentence in (
        "role: there is no role nobody",
        "bucket: there is no bucket not-there",
        'quotas: "ml.p5.48xlarge for training job usage" is 0',
        "instances: SageMaker has no instance type ml.none.large that serves",
    ):
        assert sentence in text
    assert text.count("→ ") == text.count("\n") / 2


def test_what_takes_too_long_is_given_up(settings, boto):
    class Slow:
        def accept(self):
            self.socket = socket.socket()
            self.socket.bind(("127.0.0.1", 0))
            self.socket.listen()
            return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    slow = Slow()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_STS", slow.accept())
        with slow.socket:
            checks = {each.name: each for each in preflight.examine(settings, seconds=0.3)}
    assert not checks["credentials"].ok
    assert "didn't say within" in checks["credentials"].detail

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", slow.accept())
        with slow.socket:
            checks = {each.name: each for each in preflight.examine(settings, seconds=3)}
    assert checks["bucket"].unknown
    assert checks["bucket"].detail == "not checked: AWS doesn't answer in time"
    assert checks["credentials"].ok
