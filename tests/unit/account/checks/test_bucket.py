"""The bucket: that it is there, in the region, and the caller's."""

import pytest

from tests.unit.account.asking import changed, numbers, problems

pytestmark = pytest.mark.usefixtures("environment")


def test_a_bucket_that_is_not_there(settings):
    found = problems(changed(settings, "aws", bucket="not-there", role_arn=settings.aws.role_arn))

    assert "there is no bucket not-there → aws s3 mb s3://not-there" in found["bucket"]


def test_a_bucket_in_another_region(settings, boto):
    bucket = f"elsewhere-{next(numbers)}"
    boto.client("s3", region_name="eu-west-1").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )

    found = problems(changed(settings, "aws", bucket=bucket))

    assert f"{bucket} is in eu-west-1, and the run in us-east-1" in found["bucket"]


def test_a_bucket_that_redirects_to_its_region(settings, faults):
    headers = {"x-amz-bucket-region": "eu-west-1"}
    faults.add("s3:HeadBucket", "PermanentRedirect", status=301, headers=headers)

    assert "is in eu-west-1" in problems(settings)["bucket"]


def test_somebody_else_s_bucket(settings, faults):
    headers = {"x-amz-bucket-region": "us-east-1"}
    faults.add("s3:HeadBucket", "AccessDenied", status=403, headers=headers)

    found = problems(settings)

    assert list(found) == ["bucket"]
    assert "which may be somebody else's" in found["bucket"]
    assert '"s3:ListBucket"' in found["bucket"]
