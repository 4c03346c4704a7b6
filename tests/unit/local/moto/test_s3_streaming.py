"""Large objects in S3: answers as for small ones, and never all of one in memory."""

import base64
import hashlib
import os
import threading
import tracemalloc
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.local.engine.pieces import Content
from harness.local.moto import s3_streaming

MB = 1 << 20
SIZES = {"in memory": 1000, "in memory, from a file": 2 * MB, "in a file": 12 * MB + 7}


@pytest.fixture(scope="module")
def content():
    return os.urandom(SIZES["in a file"])


@pytest.fixture(params=SIZES)
def stored(request, aws, new, content):
    key, body = new("object"), content[: SIZES[request.param]]
    answer = aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=body, Metadata={"a": "b"})
    assert answer["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    return {"Bucket": aws.bucket, "Key": key}, body


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


class TestOneRequest:
    def test_is_got_as_it_was_put(self, aws, stored):
        where, body = stored
        answer = aws.s3.get_object(**where, ChecksumMode="ENABLED")
        assert answer["Body"].read() == body
        assert answer["ContentLength"] == len(body) == aws.s3.head_object(**where)["ContentLength"]
        assert answer["ChecksumCRC32"] == crc32(body)
        assert answer["Metadata"] == {"a": "b"}

    @pytest.mark.parametrize("part", ["bytes=0-0", "bytes=100-", "bytes=-10", "bytes=5-99999999"])
    def test_a_range_of_it(self, aws, stored, part):
        where, body = stored
        begin, _, end = part.removeprefix("bytes=").partition("-")
        expected = body[int(begin) : int(end or len(body)) + 1] if begin else body[-int(end) :]
        answer = aws.s3.get_object(**where, Range=part)
        assert answer["Body"].read() == expected
        first = body.index(expected)
        assert answer["ContentRange"] == f"bytes {first}-{first + len(expected) - 1}/{len(body)}"

    def test_a_range_beyond_it_is_refused(self, aws, stored):
        where, body = stored
        with pytest.raises(ClientError, match="InvalidRange"):
            aws.s3.get_object(**where, Range=f"bytes={len(body)}-")

    def test_whoever_reads_it_has_it_to_the_end(self, aws, stored):
        where, body = stored
        answer = aws.s3.get_object(**where)
        beginning = answer["Body"].read(10)
        aws.s3.put_object(**where, Body=b"other")
        aws.s3.delete_object(**where)
        assert beginning + answer["Body"].read() == body

    def test_a_copy_of_it(self, aws, stored):
        where, body = stored
        aws.s3.copy_object(Bucket=aws.bucket, Key="copy", CopySource=where)
        assert aws.s3.get_object(Bucket=aws.bucket, Key="copy")["Body"].read() == body

    def test_none_but_a_changed_one(self, aws, stored):
        where, _ = stored
        etag = aws.s3.head_object(**where)["ETag"]
        with pytest.raises(ClientError) as raised:
            aws.s3.get_object(**where, IfNoneMatch=etag)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304

    @pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
    def test_through_a_presigned_url(self, aws, new, content, size):
        where = {"Bucket": aws.bucket, "Key": new("object")}
        url = aws.s3.generate_presigned_url("put_object", Params=where)
        headers = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(url, content[:size], headers, method="PUT")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
        assert aws.s3.get_object(**where)["Body"].read() == content[:size]

    def test_a_bucket_that_is_not_there(self, aws, content):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            aws.s3.put_object(Bucket="nowhere-to-be-found", Key="k", Body=content)


class TestParts:
    @pytest.mark.parametrize(
        ("options", "checksum"),
        [
            ({}, None),
            ({"ChecksumAlgorithm": "CRC32"}, "COMPOSITE"),
            ({"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}, "FULL_OBJECT"),
        ],
    )
    def test_are_one_object(self, aws, new, content, options, checksum):
        where = {"Bucket": aws.bucket, "Key": new("object")}
        parts = [content[: 5 * MB], content[5 * MB : 11 * MB], content[11 * MB :]]
        upload = {
            **where,
            "UploadId": aws.s3.create_multipart_upload(**where, **options)["UploadId"],
        }
        sent = [
            {
                "PartNumber": number,
                "ETag": aws.s3.upload_part(**upload, PartNumber=number, Body=part)["ETag"],
            }
            for number, part in enumerate(parts, 1)
        ]
        aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
        answer = aws.s3.get_object(**where, ChecksumMode="ENABLED")
        assert answer["Body"].read() == content
        digests = b"".join(hashlib.md5(part).digest() for part in parts)
        assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
        if checksum == "COMPOSITE":
            each = b"".join(zlib.crc32(part).to_bytes(4, "big") for part in parts)
            assert answer["ChecksumCRC32"] == f"{crc32(each)}-3"
        elif checksum:
            assert answer["ChecksumCRC32"] == crc32(content)

    def test_with_another_etag_are_refused(self, aws, new, content):
        where = {"Bucket": aws.bucket, "Key": new("object")}
        upload = {**where, "UploadId": aws.s3.create_multipart_upload(**where)["UploadId"]}
        aws.s3.upload_part(**upload, PartNumber=1, Body=content)
        sent = {"Parts": [{"PartNumber": 1, "ETag": '"0"'}]}
        with pytest.raises(ClientError, match="InvalidPart"):
            aws.s3.complete_multipart_upload(**upload, MultipartUpload=sent)

    def test_too_small_ones_are_refused(self, aws, new, content):
        where = {"Bucket": aws.bucket, "Key": new("object")}
        upload = {**where, "UploadId": aws.s3.create_multipart_upload(**where)["UploadId"]}
        sent = [
            {
                "PartNumber": each,
                "ETag": aws.s3.upload_part(**upload, PartNumber=each, Body=b"1")["ETag"],
            }
            for each in (1, 2)
        ]
        with pytest.raises(ClientError, match="EntityTooSmall"):
            aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})


def test_no_object_is_whole_in_memory(aws, new):
    where = {"Bucket": aws.bucket, "Key": new("object")}
    part, count = os.urandom(8 * MB), 8
    tracemalloc.start()
    try:
        upload = {**where, "UploadId": aws.s3.create_multipart_upload(**where)["UploadId"]}
        sent = [
            {"PartNumber": n, "ETag": aws.s3.upload_part(**upload, PartNumber=n, Body=part)["ETag"]}
            for n in range(1, count + 1)
        ]
        aws.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
        received = aws.s3.get_object(**where)["Body"].iter_chunks(MB)
        assert sum(map(len, received)) == count * len(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(part)


def test_an_upload_that_is_completed_again_is_the_same_object(aws, new, monkeypatch):
    """As SDKs do that have waited too long for the answer: while it is joined, and after it."""
    where = {"Bucket": aws.bucket, "Key": new("object")}
    upload = {**where, "UploadId": aws.s3.create_multipart_upload(**where)["UploadId"]}
    etag = aws.s3.upload_part(**upload, PartNumber=1, Body=b"x" * 6 * MB)["ETag"]
    begun, go_on, joined = threading.Event(), threading.Event(), s3_streaming._joined

    def slowly(parts):
        begun.set()
        assert go_on.wait(30)
        return joined(parts)

    def complete():
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        return aws.s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"]

    monkeypatch.setattr(s3_streaming, "_joined", slowly)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(complete)
        assert begun.wait(30)
        again = threads.submit(complete)
        go_on.set()
        assert first.result() == again.result() == complete()
    assert aws.s3.head_object(**where)["ContentLength"] == 6 * MB


class TestShortcut:
    """An S3 client in moto's own process."""

    @pytest.fixture
    def inside(self, aws):
        return aws.direct

    def test_a_large_object_is_its_file_and_anything_else_as_before(self, aws, inside, stored):
        where, body = stored
        answer = inside.get_object(**where)
        assert isinstance(answer["Body"], Content) == (len(body) > MB)
        assert b"".join(answer["Body"].iter_chunks(MB)) == body
        outside = aws.s3.get_object(**where)
        assert answer["ContentLength"] == outside["ContentLength"]
        assert answer["ETag"] == outside["ETag"]

    def test_a_part_is_asked_for_in_the_usual_way(self, inside, stored):
        where, body = stored
        assert inside.get_object(**where, Range="bytes=1-3")["Body"].read() == body[1:4]

    def test_errors_are_s3s(self, aws, inside):
        with pytest.raises(inside.exceptions.NoSuchKey):
            inside.get_object(Bucket=aws.bucket, Key="none")
        with pytest.raises(inside.exceptions.NoSuchBucket):
            inside.get_object(Bucket="no-such-bucket", Key="none")

    def test_what_is_archived_is_refused(self, aws, inside, new, content):
        where = {"Bucket": aws.bucket, "Key": new("archived")}
        aws.s3.put_object(**where, Body=content, StorageClass="GLACIER")
        with pytest.raises(ClientError, match="InvalidObjectState"):
            inside.get_object(**where)

    def test_whoever_has_it_has_it_to_the_end(self, aws, inside, new, content):
        where = {"Bucket": aws.bucket, "Key": new("object")}
        aws.s3.put_object(**where, Body=content)
        pieces = inside.get_object(**where)["Body"].pieces()
        first = bytes(next(pieces))
        aws.s3.delete_object(**where)
        assert first + b"".join(map(bytes, pieces)) == content

    @pytest.mark.parametrize("size", [0, 1000, MB, 9 * MB])
    def test_what_is_put_is_the_file_that_was_written(self, aws, inside, new, size):
        where, body = {"Bucket": aws.bucket, "Key": new("object")}, os.urandom(size)
        with s3_streaming.NewObject() as written:
            written.write(body[:700])
            written.write(body[700:])
            inside.put_object(**where, Body=written)
        found = aws.s3.get_object(**where)
        assert found["Body"].read() == body
        assert found["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=where["Key"])["Contents"]
        assert [each["Size"] for each in listed] == [size]

    def test_what_is_put_nowhere_is_refused(self, inside):
        with s3_streaming.NewObject() as written:
            written.write(b"x" * 2 * MB)
            with pytest.raises(inside.exceptions.NoSuchBucket):
                inside.put_object(Bucket="no-such-bucket", Key="x", Body=written)


def test_an_object_that_is_overwritten_leaves_no_file(aws, new, content):
    """moto's own keeps each of them open, on disk, until the process ends."""
    where = {"Bucket": aws.bucket, "Key": new("object")}
    aws.s3.put_object(**where, Body=content)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        aws.s3.put_object(**where, Body=content)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    aws.s3.delete_object(**where)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
