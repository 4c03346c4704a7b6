"""Which objects a source names, and which of them each host gets, by moto's S3."""

import json
from typing import Any

import pytest

from harness.local.data import channels, s3_objects
from harness.local.data.transfers import untold


@pytest.fixture
def source(aws, new):
    """Puts objects below a prefix of its own, and a manifest of what it is given."""
    root = new("source")

    def put(keys, manifest=None, **members):
        for key in keys:
            aws.s3.put_object(Bucket=aws.bucket, Key=f"{root}/{key}", Body=key.encode())
        uri = f"s3://{aws.bucket}/{root}"
        if manifest is None:
            return {"S3DataType": "S3Prefix", "S3Uri": uri, **members}
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        aws.s3.put_object(
            Bucket=aws.bucket, Key=f"{root}.manifest", Body=text.replace("ROOT", uri).encode()
        )
        return {"S3DataType": "ManifestFile", "S3Uri": f"{uri}.manifest", **members}

    return put


def files(aws, source, index=0, hosts=1):
    entries: Any = channels.entries(aws.s3, "train", source, index, hosts, untold())
    return {entry.name: b"".join(entry.chunks).decode() for entry in entries}


class TestManifests:
    def test_suffixes_follow_the_prefix(self, aws, source):
        manifest = [{"prefix": "ROOT/some/"}, "deep/a.csv", "b.csv"]
        assert files(aws, source(["some/deep/a.csv", "some/b.csv", "some/c.csv"], manifest)) == {
            "train/deep/a.csv": "some/deep/a.csv",
            "train/b.csv": "some/b.csv",
        }

    def test_a_prefix_is_a_string_that_suffixes_are_appended_to(self, aws, source):
        manifest = [{"prefix": "ROOT/part-"}, "1.csv"]
        assert files(aws, source(["part-1.csv"], manifest)) == {"train/1.csv": "part-1.csv"}

    def test_an_object_that_is_not_there_is_named(self, aws, source):
        listed = source(["a"], [{"prefix": "ROOT/"}, "a", "missing"])
        with pytest.raises(s3_objects.DataError, match=r"/missing: .*NoSuchKey"):
            files(aws, listed)

    @pytest.mark.parametrize(
        ("manifest", "words"),
        [
            ("{", "is not JSON"),
            ([], "is not of the form"),
            (["a"], "is not of the form"),
            ([{"prefix": "ROOT/"}, 1], "is not of the form"),
            ([{"prefix": "bucket/x"}, "a"], "is not of the form s3://bucket/key"),
            ([{"prefix": "ROOT/"}], "no objects under"),
            ([{"prefix": "ROOT/"}, "../a"], "can't be a file"),
            ([{"prefix": "ROOT/"}, "a", "a"], "clashes with it"),
            ("[" * 100_000, "is not JSON"),
            ('{"a":' * 100_000, "is not JSON"),
            ('[{"prefix": "ROOT/"}, ' + "9" * 5000 + "]", "is not JSON"),
            ('[{"prefix": "ROOT/"}, NaN]', "is not JSON"),
            ([{"prefix": "ROOT/"}, None], "is not of the form"),
            ([{"prefix": "ROOT/"}, {"a": 1}], "is not of the form"),
            ([{"prefix": ["ROOT/"]}, "a"], "is not of the form"),
            ([{"prefix": "ROOT/\ud800"}, "a"], "is not UTF-8"),
            ({"prefix": "ROOT/"}, "is not of the form"),
            ("null", "is not of the form"),
            ("\0", "is not JSON"),
            ("", "is not JSON"),
            ([{"prefix": "ROOT/"}, "a\0b"], "can't be a file"),
            ([{"prefix": "ROOT/"}, "a\ud800b"], "can't be a file"),
            ([{"prefix": "ROOT/"}, "a" * 256], "more than 255 bytes"),
        ],
    )
    def test_what_is_no_manifest_is_refused(self, aws, source, manifest, words):
        listed = source(["a"], manifest)
        with pytest.raises(s3_objects.DataError, match=words):
            files(aws, listed)

    def test_a_manifest_has_so_many_objects(self, aws, source, monkeypatch):
        monkeypatch.setattr(channels, "MANIFEST_OBJECTS", 10)
        many: list[Any] = [{"prefix": "ROOT/"}, *"abcdefghijk"]
        empty: list[Any] = [[]] * 10
        for manifest in (many, empty):
            with pytest.raises(s3_objects.DataError, match="has more than 10 objects"):
                files(aws, source([], manifest))

    def test_a_name_may_have_line_breaks(self, aws, source):
        listed = source(["a\nb", "\n"], [{"prefix": "ROOT/"}, "a\nb", "\n"])
        assert files(aws, listed) == {"train/a\nb": "a\nb", "train/\n": "\n"}
        assert files(aws, source(["c\n"]))["train/c\n"] == "c\n"

    def test_a_manifest_that_is_not_there_is_named(self, aws):
        listed = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{aws.bucket}/no.manifest"}
        with pytest.raises(s3_objects.DataError, match=r"/no\.manifest: .*NoSuchKey"):
            files(aws, listed)


class TestShares:
    def test_each_host_gets_as_many_objects(self, aws, source):
        sharded = source("abcde", S3DataDistributionType="ShardedByS3Key")
        shares = [set(files(aws, sharded, index, 2)) for index in range(2)]
        assert [len(share) for share in shares] == [3, 2]
        assert shares[0] | shares[1] == {f"train/{name}" for name in "abcde"}

    def test_hosts_beyond_the_objects_get_none(self, aws, source):
        sharded = source("a", S3DataDistributionType="ShardedByS3Key")
        assert [len(files(aws, sharded, index, 3)) for index in range(3)] == [1, 0, 0]

    def test_replicated_data_is_on_every_host(self, aws, source):
        replicated = source("ab")
        assert files(aws, replicated, 0, 2) == files(aws, replicated, 1, 2) != {}

    def test_a_source_may_be_for_some_groups(self):
        groups = {"algo-1": "g", "algo-2": "h", "algo-3": "h"}
        assert channels.receivers({"InstanceGroupNames": ["h"]}, groups) == ["algo-2", "algo-3"]
        assert channels.receivers({}, groups) == list(groups)


def test_checkpoints_are_below_a_folder(aws, new):
    root = new("checkpoints")
    for key in (f"{root}/1/state", f"{root}-other/2"):
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=b"state")
    found = list(channels.checkpoints(aws.s3, f"s3://{aws.bucket}/{root}", untold()))
    assert [(entry.name, entry.size) for entry in found] == [("1/state", 5)]
    assert list(channels.checkpoints(aws.s3, f"s3://{aws.bucket}/{root}-none", untold())) == []
