"""Whose the credentials are, and why AWS may not say it."""

import socket

import pytest

from tests.unit.account.asking import changed, problems

pytestmark = pytest.mark.usefixtures("environment")


def test_a_profile_that_is_not_there(settings):
    found = problems(changed(settings, "aws", profile="nobody"))

    assert list(found) == ["credentials"]
    assert "nobody" in found["credentials"]


def test_a_profile_without_credentials(settings, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile empty]\nregion = us-east-1\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    found = problems(changed(settings, "aws", profile="empty"))

    assert "profile empty (aws.profile) has none" in found["credentials"]
    assert "aws configure --profile empty" in found["credentials"]


def test_a_key_without_its_secret(settings, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert "AWS_SECRET_ACCESS_KEY" in problems(settings)["credentials"]


@pytest.mark.parametrize(
    ("code", "message", "sentence", "remedy"),
    [
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            "the session token has expired",
            "aws sso login",
        ),
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "AWS doesn't know the access key",
            "aws configure",
        ),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
            "the secret access key isn't the access key's",
            "aws configure",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261122T000000Z is now earlier than 20261122T010000Z",
            "this machine's clock is wrong",
            "timedatectl",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: 20261122T020000Z is still later than 20261122T011500Z",
            "this machine's clock is wrong",
            "timedatectl",
        ),
    ],
)
def test_credentials_that_aws_refuses(settings, faults, code, message, sentence, remedy):
    faults.add("sts:GetCallerIdentity", code, message, status=403)

    found = problems(settings)

    assert list(found) == ["credentials"]
    assert sentence in found["credentials"]
    assert remedy in found["credentials"]


def test_how_wrong_the_clock_is(settings, faults):
    faults.add(
        "sts:GetCallerIdentity",
        "SignatureDoesNotMatch",
        "Signature expired: 20000101T000000Z is now earlier than 20000101T010000Z",
        headers={"Date": "Sat, 01 Jan 2000 00:00:00 GMT"},
    )

    assert "minutes ahead of AWS's" in problems(settings)["credentials"]


def test_a_region_that_is_not_enabled(settings, faults):
    # There it is refused, and known in the region that always is.
    faults.add("sts:GetCallerIdentity", "InvalidClientTokenId", status=403, times=1)

    found = problems(changed(settings, region="af-south-1"))

    assert list(found) == ["region"]
    assert "af-south-1 isn't enabled" in found["region"]
    assert "aws account enable-region --region-name af-south-1" in found["region"]


def test_aws_out_of_reach(settings, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)

        found = problems(settings)

    assert list(found) == ["credentials"]
    assert url in found["credentials"]
    assert "network" in found["credentials"]
