"""The bucket: it is there, in the run's region, and the caller's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from harness.checks import Check

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from harness.account.checks.account import Account

# What HeadBucket answers, without a word, of buckets that can't be used.
_TELLING = (301, 307, 400, 403, 404)


def check(account: Account) -> list[Check]:
    """Ask for the bucket's head, by whose status and headers S3 tells everything."""
    bucket, region = account.settings.aws.bucket, account.settings.region
    status, actual = _head(account.s3, bucket)
    if status == 404:
        return [_missing(bucket, region)]
    checks = []
    if actual not in (None, region):
        checks.append(_elsewhere(bucket, region, actual))
    if status == 403:
        checks.append(_forbidden(account, bucket))
    elif status != 200 and not checks:
        checks.append(_unusable(bucket, status))
    return checks or [Check("bucket", True, f"{bucket} in {actual or region}")]


def _head(s3: S3Client, bucket: str) -> tuple[int, str | None]:
    """HTTP status, and the region that the bucket is in, if S3 says so."""
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        metadata = error.response["ResponseMetadata"]
        if metadata["HTTPStatusCode"] not in _TELLING:
            raise
        return metadata["HTTPStatusCode"], metadata["HTTPHeaders"].get("x-amz-bucket-region")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return 200, answer.get("BucketRegion") or headers.get("x-amz-bucket-region")


# What is reported.


def _missing(bucket: str, region: str) -> Check:
    return Check(
        "bucket",
        False,
        f"there is no bucket {bucket}",
        f"aws s3 mb s3://{bucket} --region {region}",
    )


def _elsewhere(bucket: str, region: str, actual: str | None) -> Check:
    return Check(
        "bucket",
        False,
        f"{bucket} is in {actual}, and the run in {region}, where SageMaker wants it",
        f'set aws.bucket to a bucket in {region}, or region to "{actual}"',
    )


def _forbidden(account: Account, bucket: str) -> Check:
    resource = f"arn:{account.partition}:s3:::{bucket}"
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": resource}
    return Check(
        "bucket",
        False,
        f"{account.identity.arn} isn't let near the bucket {bucket}, which may be somebody else's",
        f"if it is yours, allow {json.dumps(statement)}; if not, set aws.bucket to one that is",
    )


def _unusable(bucket: str, status: int) -> Check:
    return Check(
        "bucket",
        False,
        f"S3 answers HTTP {status} for the bucket {bucket}",
        f"see what `aws s3api head-bucket --bucket {bucket}` says",
    )
