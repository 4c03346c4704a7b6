"""Policies, evaluated: conditions, wildcards, and their opposites."""

import json

import pytest

from harness.aws_model.iam_policies import Policy, decide

READ = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::data/*"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"a:k": "x"}}, {"A:K": ["x"]}, True),
        ({"StringEquals": {"a:k": "x"}}, {"a:k": ["y"]}, False),
        ({"StringEquals": {"a:k": "x"}}, {}, False),
        ({"StringEqualsIfExists": {"a:k": "x"}}, {}, True),
        ({"StringNotEquals": {"a:k": "x"}}, {}, True),
        ({"StringLike": {"a:k": ["y", "x*"]}}, {"a:k": ["xyz"]}, True),
        ({"Bool": {"a:k": True}}, {"a:k": ["true"]}, True),
        ({"Null": {"a:k": "true"}}, {}, True),
        ({"ForAnyValue:StringEquals": {"a:k": "x"}}, {"a:k": ["y", "x"]}, True),
        ({"ForAllValues:StringEquals": {"a:k": "x"}}, {"a:k": ["y", "x"]}, False),
        ({"DateGreaterThan": {"a:k": "2020-01-01"}}, {"a:k": ["2026-01-01"]}, False),
    ],
)
def test_conditions(condition, context, allowed):
    policy = Policy("p", document({**READ, "Condition": condition}))

    decision = decide([policy], "s3:GetObject", "arn:aws:s3:::data/a", context)

    assert (decision.text == "allowed") is allowed


@pytest.mark.parametrize(
    ("statement", "decision"),
    [
        ({"NotAction": "iam:*", "Resource": "*"}, "allowed"),
        ({"NotAction": "S3:*", "Resource": "*"}, "implicitDeny"),
        ({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::data/*"}, "implicitDeny"),
        ({"Action": "s3:Get?bject", "Resource": "arn:aws:s3:::dat?/*"}, "allowed"),
        ({"Action": "s3:GetObjec", "Resource": "*"}, "implicitDeny"),
    ],
)
def test_wildcards_and_their_opposites(statement, decision):
    policy = Policy("p", document({"Effect": "Allow", **statement}))

    assert decide([policy], "s3:GetObject", "arn:aws:s3:::data/a", {}).text == decision
