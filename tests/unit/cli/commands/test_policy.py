"""`harness policy`: what it prints, and what it asks for."""

import json

from harness.account import policy_documents


def test_policy_prints_what_iam_takes(harness):
    role = "arn:aws:iam::111122223333:role/mine"
    variables = {"HARNESS_AWS_ROLE_ARN": role, "HARNESS_AWS_BUCKET": "my-bucket"}
    described = harness("policy", "--help").stdout

    for name in policy_documents.NAMES:
        assert name in described
        printed = harness("policy", name, "--github", "me/mine", **variables)
        assert printed.returncode == 0
        assert "111122223333" in printed.stdout
        assert json.loads(printed.stdout)["Version"] == "2012-10-17"

    assert "me/mine" in printed.stdout
    compact = harness("policy", "caller", "--json", **variables).stdout
    assert len(compact.splitlines()) == 1
    assert json.loads(compact)["Statement"]


def test_policy_says_what_it_needs_to_know(harness):
    refused = harness("policy", "caller", "--account", "111122223333")
    assert refused.returncode == 2
    assert "HARNESS_AWS_BUCKET" in refused.stderr

    refused = harness("policy", "execution-role-trust")
    assert refused.returncode == 2
    assert "--account" in refused.stderr

    assert harness("policy", "everything").returncode == 2
