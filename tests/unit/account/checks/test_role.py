"""The execution role: that it is there, trusts SageMaker, and may do what it has to."""

import json

import pytest

from harness.account import policy_documents
from tests.unit.account.asking import ACCOUNT, changed, document, numbers, problems, role, unknown

pytestmark = pytest.mark.usefixtures("environment")


def test_a_role_that_is_not_there(settings):
    arn = f"arn:aws:iam::{ACCOUNT}:role/nobody"

    found = problems(changed(settings, "aws", role_arn=arn))

    assert list(found) == ["role"]
    assert f"there is no role nobody in account {ACCOUNT}" in found["role"]
    assert "aws iam create-role --role-name nobody" in found["role"]


def test_a_role_of_another_account(settings):
    found = problems(changed(settings, "aws", role_arn="arn:aws:iam::999999999999:role/theirs"))

    assert list(found) == ["role"]
    assert "is a role of account 999999999999" in found["role"]


def test_a_role_with_another_path(settings, iam):
    iam.create_role(
        RoleName="with-path",
        Path="/service-role/",
        AssumeRolePolicyDocument=document("execution-role-trust", settings),
    )

    found = problems(changed(settings, "aws", role_arn=f"arn:aws:iam::{ACCOUNT}:role/with-path"))

    assert f'"arn:aws:iam::{ACCOUNT}:role/service-role/with-path"' in found["role"]


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"Service": "ec2.amazonaws.com"}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}},
        },
        {"Principal": {"Service": "sagemaker.amazonaws.com"}, "Effect": "Deny"},
    ],
)
def test_a_role_that_does_not_trust_sagemaker(settings, iam, statement):
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    iam.update_assume_role_policy(
        RoleName=role(settings),
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )

    found = problems(settings)

    assert list(found) == ["role"]
    assert "doesn't let sagemaker.amazonaws.com take it on" in found["role"]
    assert f"aws iam update-assume-role-policy --role-name {role(settings)}" in found["role"]


def test_a_role_that_trusts_sagemaker_among_others(settings, iam):
    trust = {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": ["lambda.amazonaws.com", "sagemaker.amazonaws.com"]},
    }
    iam.update_assume_role_policy(
        RoleName=role(settings),
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
    )

    assert problems(settings) == {}


def test_a_role_that_may_do_nothing(settings, iam):
    iam.delete_role_policy(RoleName=role(settings), PolicyName="harness")

    found = problems(settings)

    assert list(found) == ["role"]
    for action in ("s3:GetObject", "ecr:BatchGetImage", "logs:PutLogEvents", "PutMetricData"):
        assert action in found["role"]
    assert f"aws iam put-role-policy --role-name {role(settings)}" in found["role"]
    assert "$(harness policy execution-role)" in found["role"]


def test_a_role_that_lacks_one_action(settings, iam):
    policy = json.loads(document("execution-role", settings))
    (objects,) = (each for each in policy["Statement"] if each["Sid"] == "Objects")
    objects["Action"].remove("s3:PutObject")
    iam.put_role_policy(
        RoleName=role(settings), PolicyName="harness", PolicyDocument=json.dumps(policy)
    )

    found = problems(settings)

    keys = f"arn:aws:s3:::{settings.aws.bucket}/harness/*"
    assert f"may not s3:PutObject on {keys} → " in found["role"]
    assert f'"Action": ["s3:PutObject"], "Resource": "{keys}"' in found["role"]


def test_a_deny_is_told_from_what_nobody_allowed(settings, iam):
    deny = {"Effect": "Deny", "Action": "ecr:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": deny})
    iam.put_role_policy(RoleName=role(settings), PolicyName="no-ecr", PolicyDocument=policy)

    found = problems(settings)

    assert "a Deny forbids it, in no-ecr" in found["role"]
    assert "put-role-policy" not in found["role"]


def test_a_permissions_boundary(settings, iam):
    allow = {"Effect": "Allow", "Action": ["s3:*", "ecr:*", "logs:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
    arn = iam.create_policy(PolicyName=f"b-{next(numbers)}", PolicyDocument=policy)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=role(settings), PermissionsBoundary=arn)

    found = problems(settings)

    assert "cloudwatch:PutMetricData on any resource: its permissions boundary" in found["role"]


def test_conditions_that_every_call_of_a_run_fulfils(settings, iam):
    policy = policy_documents.document("execution-role", settings, ACCOUNT)
    for statement in policy["Statement"]:
        same = {"aws:RequestedRegion": "us-east-1", "aws:ResourceAccount": ACCOUNT}
        condition = {"StringEquals": same, "Bool": {"aws:SecureTransport": "true"}}
        statement["Condition"] = statement.get("Condition", {}) | condition
    iam.put_role_policy(
        RoleName=role(settings), PolicyName="harness", PolicyDocument=json.dumps(policy)
    )

    assert problems(settings) == {}
    assert unknown(settings) == {}


def test_conditions_that_only_the_call_itself_can_fulfil_stay_unknown(settings, iam):
    policy = policy_documents.document("execution-role", settings, ACCOUNT)
    (objects,) = (each for each in policy["Statement"] if each["Sid"] == "Objects")
    objects["Condition"] = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    iam.put_role_policy(
        RoleName=role(settings), PolicyName="harness", PolicyDocument=json.dumps(policy)
    )

    found = unknown(settings)

    assert list(found) == ["role"]
    assert "s3:GetObject" in found["role"]
    assert "depends on aws:SourceVpc" in found["role"]
