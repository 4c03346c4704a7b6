"""Keys in S3 with characters that end a line, or none at all, to whoever isn't careful."""

import pytest

KEYS = ["a\nb", "\n", "a\n", "x/\ny/\n", "a\r\nb", "\x01\x1f", "\x7f\x85\u2028", "..\n/..", "%0A"]


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_a_key_is_the_one_that_it_was_put_under(aws, key):
    where = {"Bucket": aws.bucket, "Key": key}
    aws.s3.put_object(**where, Body=key.encode())
    assert aws.s3.get_object(**where)["Body"].read() == key.encode()
    assert aws.s3.head_object(**where)["ContentLength"] == len(key.encode())
    for operation in (aws.s3.list_objects, aws.s3.list_objects_v2):
        assert [found["Key"] for found in operation(Bucket=aws.bucket)["Contents"]] == [key]
    copy = {"Bucket": aws.bucket, "Key": f"{key}-copy"}
    aws.s3.copy_object(**copy, CopySource=where)
    assert aws.s3.get_object(**copy)["Body"].read() == key.encode()
    for each in (copy, where):
        aws.s3.delete_object(**each)
    assert aws.s3.list_objects_v2(Bucket=aws.bucket)["KeyCount"] == 0
