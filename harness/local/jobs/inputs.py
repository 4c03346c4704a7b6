"""The data that a job is to have, which AWS looks for before it creates the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from harness.local.data import s3_objects
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from harness.local.protocol.messages import RequestContext


def check_has_objects(client: S3Client, context: RequestContext, uri: str, role: str) -> None:
    """Raises `ValidationException`, in AWS's words, if there are no objects under an S3 URI."""
    said = ""
    try:
        bucket, prefix = s3_objects.split(uri)
        if client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]:
            return
    except s3_objects.DataError as error:
        raise AwsError("ValidationException", f"{error}.") from error
    except ClientError as error:
        said = f" Error message from S3: {error.response['Error'].get('Message', '')}"
    except ParamValidationError:
        said = f" {bucket} is no name that a bucket can have."
    raise AwsError(
        "ValidationException",
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
        f"the bucket exists in the selected region ({context.region}), that objects exist under "
        f'that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket '
        f'"{bucket}".{said}',
    )
