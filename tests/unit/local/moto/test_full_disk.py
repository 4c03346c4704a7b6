"""S3 on a machine whose disk is full: no file here may have more than 3 MB."""

import contextlib
import io
import logging
import resource

import pytest
from botocore.exceptions import ClientError

MB = 1 << 20


@contextlib.contextmanager
def full():
    """A signal comes with it, which Python ignores."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MB, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def refused(call):
    with full(), pytest.raises(ClientError) as raised:
        call()
    response = raised.value.response
    assert response["Error"]["Code"] == "InsufficientStorage"
    assert "no room left" in response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 507
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


def test_an_object_for_which_there_is_no_room_is_refused_and_the_rest_goes_on(aws, new, caplog):
    s3, key = aws.s3, new("key")
    with caplog.at_level(logging.ERROR):
        refused(lambda: s3.put_object(Bucket=aws.bucket, Key=key, Body=b"x" * 8 * MB))
    assert [record.exc_info for record in caplog.records] == [None]
    with pytest.raises(ClientError):
        s3.head_object(Bucket=aws.bucket, Key=key)

    s3.put_object(Bucket=aws.bucket, Key=key, Body=b"x" * 8 * MB)
    assert s3.head_object(Bucket=aws.bucket, Key=key)["ContentLength"] == 8 * MB


def test_parts_for_whose_whole_there_is_no_room(aws, new):
    body = io.BytesIO(b"x" * 17 * MB)
    with full(), pytest.raises(Exception, match="InsufficientStorage"):
        aws.s3.upload_fileobj(body, aws.bucket, new("key"))
