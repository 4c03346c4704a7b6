"""The quotas, by their names and codes."""

import pytest

from harness.account import preflight
from harness.aws_model import quotas
from tests.unit.account.asking import changed, problems

pytestmark = pytest.mark.usefixtures("environment")


def test_a_quota_of_none_and_its_raise(settings, boto):
    settings = changed(settings, "training", instance_type="ml.p4d.24xlarge", instance_count=2)

    found = problems(settings)

    assert list(found) == ["quotas"]
    name = '"ml.p4d.24xlarge for training job usage" is 0 in us-east-1, and the run takes 2'
    assert name in found["quotas"]
    command = found["quotas"].split("→ ")[1].split(",")[0].split()
    assert command[:3] == ["aws", "service-quotas", "request-service-quota-increase"]
    code = command[command.index("--quota-code") + 1]
    boto.client("service-quotas").request_service_quota_increase(
        ServiceCode="sagemaker", QuotaCode=code, DesiredValue=2
    )
    assert problems(settings) == {}


def test_spot_and_scaling_have_quotas_of_their_own(settings):
    settings = changed(settings, "training", instance_type="ml.g5.xlarge", spot=True)
    settings = changed(settings, "endpoint", instance_count=1, max_instance_count=30)

    found = [check.detail for check in preflight.examine(settings) if not check.ok]

    assert any('"ml.g5.xlarge for spot training job usage" is 0' in each for each in found)
    assert any('"ml.t2.medium for endpoint usage" is 4' in each for each in found)
    assert any('"Number of instances across active endpoints" is 20' in each for each in found)
    assert not any('"ml.g5.xlarge for training' in each for each in found)


def test_the_codes_of_quotas_are_listed_once(settings, faults):
    settings = changed(settings, "training", instance_type="ml.c5.xlarge")
    assert problems(settings) == {}
    assert "servicequotas:ListServiceQuotas" in faults.calls
    faults.clear()

    assert problems(settings) == {}

    assert "servicequotas:ListServiceQuotas" not in faults.calls
    assert faults.calls.count("servicequotas:GetServiceQuota") == 4


def test_a_code_that_is_another_quota_s_is_not_believed(settings, faults, monkeypatch):
    wrong = {"ml.m5.large for training job usage": "L-29C181D7"}
    monkeypatch.setattr(quotas, "CODES", wrong)

    (check,) = (each for each in preflight.examine(settings) if each.name == "quotas")

    assert "ml.m5.large for training job usage: 4" in check.detail
