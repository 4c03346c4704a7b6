"""The caller: whether it may make the calls of a run."""

import pytest

from harness.account import policy_documents
from tests.unit.account.asking import ACCOUNT, changed, document, problems, unknown

pytestmark = pytest.mark.usefixtures("environment")


def test_a_caller_with_the_documented_policy(settings, be_a_user):
    be_a_user(*policy_documents.document("caller", settings, ACCOUNT)["Statement"])

    assert problems(settings) == {}
    assert unknown(settings) == {}


def test_a_caller_who_may_not_pass_the_role(settings, be_a_user):
    statements = policy_documents.document("caller", settings, ACCOUNT)["Statement"]
    user = be_a_user(*(each for each in statements if each["Sid"] != "PassRole"))

    found = problems(settings)

    assert list(found) == ["caller"]
    assert f"user/{user} may not iam:PassRole on {settings.aws.role_arn}" in found["caller"]
    assert '"iam:PassedToService": "sagemaker.amazonaws.com"' in found["caller"]


def test_a_caller_who_may_do_nothing(settings, be_a_user):
    user = be_a_user({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})

    found = problems(settings)

    assert list(found) == ["caller", "repository"]
    assert "sagemaker:CreateTrainingJob" in found["caller"]
    assert f"attach-user-policy --user-name {user}" in found["caller"]
    assert "ecr:CreateRepository" in found["repository"]


def test_an_endpoint_that_scales_asks_more_of_its_caller(settings, be_a_user):
    be_a_user(*policy_documents.document("caller", settings, ACCOUNT)["Statement"])

    found = problems(changed(settings, "endpoint", max_instance_count=2))

    assert list(found) == ["caller"]
    assert "application-autoscaling:RegisterScalableTarget" in found["caller"]
    assert "$(harness policy autoscaling)" in found["caller"]
    assert "$(harness policy caller)" not in found["caller"]


def test_an_sso_role_is_mended_in_its_permission_set(settings, boto, iam, faults, monkeypatch):
    name = "AWSReservedSSO_Scientist_0123456789abcdef"
    arn = iam.create_role(
        RoleName=name,
        Path="/aws-reserved/sso.amazonaws.com/",
        AssumeRolePolicyDocument=document("execution-role-trust", settings),
    )["Role"]["Arn"]
    session = boto.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])

    found = problems(settings)

    assert f"{arn} may not s3:ListBucket" in found["caller"]
    assert "permission set" in found["caller"]
