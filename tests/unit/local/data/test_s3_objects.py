"""Which objects of a bucket become which files of a channel, by moto's S3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.local.data import opt_ml, s3_objects
from harness.local.data.transfers import untold


@pytest.fixture
def prefix(aws, new):
    """Puts objects below a prefix of its own, and gives the URI of a prefix below that."""
    root = new("prefix")

    def put(keys, source=""):
        for key in keys:
            aws.s3.put_object(Bucket=aws.bucket, Key=f"{root}/{key}", Body=key.encode())
        return f"s3://{aws.bucket}/{root}/{source}"

    return put


def paths(aws, uri):
    return [found.path for found in s3_objects.objects(aws.s3, uri)]


class TestSplit:
    @pytest.mark.parametrize(
        ("uri", "parts"),
        [
            ("s3://bucket", ("bucket", "")),
            ("s3://bucket/", ("bucket", "")),
            ("s3://bucket/a/b c", ("bucket", "a/b c")),
            ("s3://bucket//a", ("bucket", "/a")),
            ("s3://bucket/line\nbreak", ("bucket", "line\nbreak")),
        ],
    )
    def test_bucket_and_key(self, uri, parts):
        assert s3_objects.split(uri) == parts

    @pytest.mark.parametrize(
        "uri", ["", "bucket/key", "s3:///key", "https://bucket.s3.amazonaws.com/key"]
    )
    def test_another_form_is_refused(self, uri):
        with pytest.raises(s3_objects.DataError, match="is not of the form s3://bucket/key"):
            s3_objects.split(uri)


@pytest.mark.parametrize("name", ["none", "no\nne"])
def test_what_is_not_there_is_told_once(aws, name):
    uri = f"s3://{aws.bucket}/{name}"
    with pytest.raises(s3_objects.DataError) as caught:
        s3_objects.opened(aws.s3, aws.bucket, name)
    said = (
        "An error occurred (NoSuchKey) when calling the GetObject operation: "
        "The specified key does not exist"
    )
    assert str(caught.value) == f"{uri}: {said}"
    assert s3_objects.reason(caught.value, uri) == said
    assert s3_objects.reason(caught.value, uri[:-1]) == f"{uri}: {said}"
    with pytest.raises(s3_objects.DataError) as caught:
        s3_objects.split(name)
    assert s3_objects.reason(caught.value, name) == "is not of the form s3://bucket/key"


class TestObjects:
    @pytest.mark.parametrize(
        ("keys", "source", "expected"),
        [
            (["train/a", "train/deep/b"], "train", ["a", "deep/b"]),
            (["train/a", "train/deep/b"], "train/", ["a", "deep/b"]),
            (["one.csv"], "one.csv", ["one.csv"]),
            (["train/a", "trial/b", "x"], "tr", ["train/a", "trial/b"]),
            (["d/x", "d/x/y", "d/xz"], "d/x", ["x", "y", "xz"]),
            (["d/", "d/sub/", "d/a"], "d/", ["a"]),
            (["ü ñ/日本.txt", "b+c&d=%20.csv"], "", ["b+c&d=%20.csv", "ü ñ/日本.txt"]),
            (["a//b", "c///d/e"], "", ["a/b", "c/d/e"]),
            (["a//b"], "a", ["b"]),
        ],
    )
    def test_a_place_below_the_channel(self, aws, prefix, keys, source, expected):
        assert paths(aws, prefix(keys, source)) == expected

    def test_a_whole_bucket(self, aws, new):
        bucket = f"{aws.bucket}-{new('whole')}"
        aws.s3.create_bucket(Bucket=bucket)
        aws.s3.put_object(Bucket=bucket, Key="a/b", Body=b"")
        assert paths(aws, f"s3://{bucket}") == paths(aws, f"s3://{bucket}/") == ["a/b"]

    @pytest.mark.parametrize(
        ("keys", "source"),
        [
            (["d/x", "d/x/x"], "d/x"),
            (["d/a", "d/a/b"], "d/"),
            (["a//b", "a/b"], ""),
        ],
    )
    def test_a_clash_is_an_error(self, aws, prefix, keys, source):
        uri = prefix(keys, source)
        with pytest.raises(
            s3_objects.DataError, match="previously downloaded file/folder clashes with it"
        ):
            s3_objects.objects(aws.s3, uri)

    @pytest.mark.parametrize("key", ["../up", "a/../../up"])
    def test_nothing_gets_outside_of_the_channel(self, aws, prefix, key):
        uri = prefix([key])
        with pytest.raises(s3_objects.DataError, match="can't be a file below a channel's folder"):
            s3_objects.objects(aws.s3, uri)

    @pytest.mark.slow
    @pytest.mark.no_cover  # which takes most of its time
    def test_more_than_a_page_of_a_listing(self, aws, prefix):
        uri = prefix([f"{number:04}" for number in range(1001)])
        assert paths(aws, uri) == [f"{number:04}" for number in range(1001)]

    def test_no_objects(self, aws, prefix):
        assert s3_objects.objects(aws.s3, prefix([], "nothing")) == []

    def test_no_bucket(self, aws):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            s3_objects.objects(aws.s3, "s3://no-such-bucket/x")


class TestExists:
    def test_only_the_exact_key_does(self, aws, prefix):
        uri = prefix(["model.tar.gz"])
        assert s3_objects.exists(aws.s3, f"{uri}model.tar.gz")
        assert not s3_objects.exists(aws.s3, f"{uri}model.tar")

    @pytest.mark.parametrize(
        "uri", ["s3://no-such-bucket/x", "s3://bucket", "s3://Not_A!Bucket/x", "https://b/k"]
    )
    def test_what_can_be_no_object_does_not(self, aws, uri):
        assert not s3_objects.exists(aws.s3, uri)


def test_entries_have_the_objects_sizes_and_bytes(aws, prefix):
    uri = prefix(["a", "empty"])
    bucket, key = s3_objects.split(uri)
    aws.s3.put_object(Bucket=bucket, Key=f"{key}empty", Body=b"")
    big = b"x" * (opt_ml.CHUNK + 1)
    aws.s3.put_object(Bucket=bucket, Key=f"{key}big", Body=big)
    found = s3_objects.objects(aws.s3, uri)
    streamed: Any = s3_objects.entries(aws.s3, "train", found, untold())
    entries = {entry.name: (entry.size, list(entry.chunks)) for entry in streamed}
    assert entries.pop("train/a") == (1, [b"a"])
    assert entries.pop("train/empty")[0] == 0
    size, chunks = entries.pop("train/big")
    assert size == len(big)
    assert b"".join(chunks) == big
    assert max(map(len, chunks)) <= opt_ml.CHUNK
    assert not entries
