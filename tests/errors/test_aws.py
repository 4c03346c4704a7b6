"""target = "aws" before the account is ready: asked of a local AWS, which has all that is asked."""

from __future__ import annotations

import pytest

ROLE = "arn:aws:iam::123456789012:role/harness-execution"


@pytest.fixture
def doctor(harness, project, local_aws):
    """`harness doctor --target aws` with these variables; returns what it says."""

    def doctor(**variables):
        project()
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        given = {
            "AWS_ENDPOINT_URL": local_aws.url, "HARNESS_AWS_ROLE_ARN": ROLE,
            "HARNESS_AWS_BUCKET": "somebodys", **keys, **variables,
        }  # fmt: skip
        given = {name: value for name, value in given.items() if value}
        ran = harness("doctor", "--target", "aws", **given)
        assert ran.returncode == 1, ran.stdout
        return ran.stdout + ran.stderr

    return doctor


def test_nothing_is_set(harness, project, told):
    project()
    ran = harness("run", "--target", "aws")

    assert ran.returncode == 2
    told("aws-nothing", ran.stderr)


def test_there_are_no_credentials(doctor, told):
    told("aws-credentials", doctor(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""))


def test_the_role_is_not_there(doctor, told):
    told("aws-role", doctor())


def test_the_bucket_is_not_there(doctor, told):
    told("aws-bucket", doctor(HARNESS_AWS_BUCKET="absent-bucket"))


def test_the_bucket_is_in_another_region(doctor, told, boto):
    boto.client("s3", region_name="eu-west-1").create_bucket(
        Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    told("aws-bucket-region", doctor(HARNESS_AWS_BUCKET="far-away"))


def test_the_region_is_misspelt(doctor, told):
    told("aws-region", doctor(HARNESS_REGION="us-esat-1"))


def test_the_credentials_have_expired(doctor, told, faults):
    faults.add(service="sts", operation="GetCallerIdentity", error="ExpiredTokenException")
    told("aws-expired", doctor())
