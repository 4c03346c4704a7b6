"""What the tests of training jobs share."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.support import AWS


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    """A channel of a training job; `members` are those of its S3DataSource."""
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": uri,
        "S3DataDistributionType": "FullyReplicated",
        **members,
    }
    return {
        "ChannelName": name,
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": source},
    }


def finish(aws: AWS, name: str) -> dict[str, Any]:
    """Wait with boto3's own waiter, whatever the end."""
    aws.wait("training_job_completed_or_stopped", TrainingJobName=name)
    return dict(aws.sagemaker.describe_training_job(TrainingJobName=name))


def artifacts(aws: AWS, uri: str) -> dict[str, bytes]:
    """The files of a model.tar.gz in S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    packed = aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        kept = [each for each in archive if each.isfile() or each.islnk()]
        files = {each.name: archive.extractfile(each) for each in kept}
        return {name: file.read() for name, file in files.items() if file is not None}
