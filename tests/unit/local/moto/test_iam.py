"""IAM and STS as SDKs ask them: who am I, and may this role do that?"""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session

ACCOUNT = "210987654321"
MADE_UP = "arn:aws:iam::111122223333:role/service-role/AmazonSageMaker-ExecutionRole-1"
READ = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::data/*"}


@pytest.fixture(scope="module")
def boto():
    with LocalAWS(account_id=ACCOUNT) as server:
        yield local_boto_session(server.url, "us-east-1")


@pytest.fixture(scope="module")
def iam(boto):
    return boto.client("iam")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def simulate(iam, **members):
    results = iam.get_paginator("simulate_principal_policy").paginate(**members)
    return {
        (result["EvalActionName"], result["EvalResourceName"]): result["EvalDecision"]
        for page in results
        for result in page["EvaluationResults"]
    }


def test_the_caller_is_a_role_that_sagemaker_may_take_on(boto, iam):
    caller = boto.client("sts").get_caller_identity()
    role = iam.get_role(RoleName="harness")["Role"]

    assert caller["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/harness/harness"
    assert caller["Account"] == ACCOUNT
    assert caller["UserId"] == f"{role['RoleId']}:harness"
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/harness"
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert "sagemaker.amazonaws.com" in statement["Principal"]["Service"]


def test_a_role_that_is_only_named_may_do_everything_and_is_there_from_then_on(iam):
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="AmazonSageMaker-ExecutionRole-1")

    asked = simulate(
        iam,
        PolicySourceArn=MADE_UP,
        ActionNames=["s3:PutObject"],
        ResourceArns=["arn:aws:s3:::harness-local/*"],
    )

    assert asked == {("s3:PutObject", "arn:aws:s3:::harness-local/*"): "allowed"}
    role = iam.get_role(RoleName="AmazonSageMaker-ExecutionRole-1")["Role"]
    assert role["Path"] == "/service-role/"


def test_a_role_is_judged_by_its_own_policies(iam):
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document())["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))
    deny = {"Effect": "Deny", "Action": "s3:GetObjectAcl", "Resource": "*"}
    policy = iam.create_policy(PolicyName="deny", PolicyDocument=document(deny))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn=policy)

    asked = simulate(
        iam,
        PolicySourceArn=arn,
        ActionNames=["s3:getobject", "s3:GetObjectAcl", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::data/a", "arn:aws:s3:::other/a"],
    )

    assert asked == {
        ("s3:getobject", "arn:aws:s3:::data/a"): "allowed",
        ("s3:getobject", "arn:aws:s3:::other/a"): "implicitDeny",
        ("s3:GetObjectAcl", "arn:aws:s3:::data/a"): "explicitDeny",
        ("s3:GetObjectAcl", "arn:aws:s3:::other/a"): "explicitDeny",
        ("s3:PutObject", "arn:aws:s3:::data/a"): "implicitDeny",
        ("s3:PutObject", "arn:aws:s3:::other/a"): "implicitDeny",
    }
    many = [f"arn:aws:s3:::data/{number}" for number in range(250)]
    paged = simulate(iam, PolicySourceArn=arn, ActionNames=["s3:GetObject"], ResourceArns=many)
    assert paged == {("s3:GetObject", each): "allowed" for each in many}


def test_aws_s_own_policies_are_there_and_judge(iam):
    name = "AmazonSageMaker-DefaultRole"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document())["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )

    asked = simulate(
        iam, PolicySourceArn=arn, ActionNames=["sagemaker:CreateTrainingJob", "iam:CreateUser"],
    )  # fmt: skip

    assert asked == {
        ("sagemaker:CreateTrainingJob", "*"): "allowed",
        ("iam:CreateUser", "*"): "implicitDeny",
    }


def test_a_permissions_boundary_limits(iam):
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=document(READ))["Policy"]["Arn"]
    arn = iam.create_role(
        RoleName="limited", AssumeRolePolicyDocument=document(), PermissionsBoundary=boundary
    )["Role"]["Arn"]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(RoleName="limited", PolicyName="all", PolicyDocument=document(everything))

    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["s3:PutObject", "s3:GetObject"],
        ResourceArns=["arn:aws:s3:::data/a"],
    )["EvaluationResults"]

    assert [each["EvalDecision"] for each in answer] == ["implicitDeny", "allowed"]
    assert [
        each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for each in answer
    ] == [False, True]


def test_keys_that_nobody_gave_are_told_with_the_resource(iam):
    condition = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    policy = document({**READ, "Resource": "*", "Condition": condition})

    def simulate(resource):
        (result,) = iam.simulate_custom_policy(
            PolicyInputList=[policy], ActionNames=["s3:GetObject"], ResourceArns=[resource]
        )["EvaluationResults"]
        return result

    assert simulate("*")["MissingContextValues"] == ["aws:SourceVpc"]
    assert "ResourceSpecificResults" not in simulate("*")
    named = simulate("arn:aws:s3:::data/a")
    assert named.get("MissingContextValues", []) == []
    (specific,) = named["ResourceSpecificResults"]
    assert specific["EvalResourceName"] == "arn:aws:s3:::data/a"
    assert specific["EvalResourceDecision"] == named["EvalDecision"] == "implicitDeny"
    assert specific["MissingContextValues"] == ["aws:SourceVpc"]


def test_a_user_that_does_not_exist_is_no_such_entity(iam):
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/nobody", ActionNames=["s3:GetObject"]
        )


def test_a_policy_that_is_none_is_refused_in_iam_s_form(iam):
    with pytest.raises(ClientError) as refused:
        iam.simulate_custom_policy(PolicyInputList=["{}"], ActionNames=["s3:GetObject"])

    assert refused.value.response["Error"]["Code"] == "MalformedPolicyDocument"


def test_a_user_s_own_keys_are_that_user_s(boto, iam):
    iam.create_user(UserName="somebody")
    key = iam.create_access_key(UserName="somebody")["AccessKey"]
    sts = boto3.client(
        "sts",
        "us-east-1",
        endpoint_url=boto.client("s3").meta.endpoint_url,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/somebody"
