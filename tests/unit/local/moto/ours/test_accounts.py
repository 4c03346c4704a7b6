"""Calls with the credentials of another account see that account."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.backend import Backend
from harness.local.core.client import local_boto_session
from harness.local.moto.ours.accounts import account_of
from harness.local.protocol.messages import Request

OTHER = "222222222222"


@pytest.fixture(scope="module")
def other(aws):
    """Clients with the credentials of a role of another account."""
    sts = aws.session.client("sts")
    role = f"arn:aws:iam::{OTHER}:role/other"
    given = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    session = boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name="us-east-1",
    )
    return SimpleNamespace(
        client=lambda service: session.client(service, endpoint_url=sts.meta.endpoint_url)
    )


def test_who_calls(aws, other):
    found = other.client("sts").get_caller_identity()
    assert found["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/other/me"
    assert found["Account"] == OTHER
    assert aws.session.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_our_resources(aws, other, new):
    name, sagemaker = new("model"), other.client("sagemaker")
    arn = sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "image:1"})["ModelArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:{OTHER}:model/{name}"
    assert sagemaker.describe_model(ModelName=name)["ModelArn"] == arn
    with pytest.raises(ClientError, match="Could not find model"):
        aws.sagemaker.describe_model(ModelName=name)


def test_motos_resources(aws, other, new):
    group = new("/group")
    other.client("logs").create_log_group(logGroupName=group)
    assert aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    (found,) = other.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["arn"].split(":")[4] == OTHER


def test_a_jobs_log_is_in_its_account(aws, other, new):
    backend = Backend(lambda: aws.logs.meta.endpoint_url, "us-east-1", "123456789012")
    group = new("/aws/sagemaker/TrainingJobs")
    stream = backend.logs.open("us-east-1", group, "job/algo-1", OTHER)
    stream.write("epoch=1")
    stream.flush()
    backend.close()
    events = other.client("logs").get_log_events(logGroupName=group, logStreamName="job/algo-1")
    assert [each["message"] for each in events["events"]] == ["epoch=1"]
    assert aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_its_identity_may_run_jobs(other):
    role = f"arn:aws:iam::{OTHER}:role/harness"
    found = other.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["sagemaker:CreateTrainingJob"]
    )
    assert found["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_an_accounts_number_is_a_key_of_it(aws):
    url = aws.sagemaker.meta.endpoint_url
    sts = local_boto_session(url, "us-east-1", key="333333333333").client("sts")
    assert sts.get_caller_identity()["Account"] == "333333333333"


def test_a_key_of_iams_while_another_thread_is_at_importing_motos(monkeypatch):
    monkeypatch.setitem(sys.modules, "moto.iam.models", ModuleType("moto.iam.models"))
    signed = "Credential=AKIAIOSFODNN7EXAMPLE/20260102/us-east-1/sagemaker/aws4_request"
    assert account_of(Request("POST", "/", "", {"authorization": signed})) is None


def test_another_accounts_role_is_there_after_a_reset_too(no_engine):
    """By the number of the account, which is a key of it even where nothing is kept."""
    with LocalAWS() as server:
        iam = boto3.client(
            "iam", endpoint_url=server.url, region_name=server.region,
            aws_access_key_id=OTHER, aws_secret_access_key="none",
        )  # fmt: skip
        before = iam.get_role(RoleName="harness")["Role"]["Arn"]
        server.reset()
        assert iam.get_role(RoleName="harness")["Role"]["Arn"] == before
        assert before == f"arn:aws:iam::{OTHER}:role/harness"
