"""Folders of containers on their way to S3, as tar streams that the engine would send."""

import io
import tarfile
from typing import Any

import pytest

from harness.local.data import artifacts
from harness.local.data.transfers import untold
from harness.local.data.volumes import Volume


class Folder:
    """Stands for a container with one folder: `get` streams it as the engine does."""

    def __init__(self, **files):
        self.files = files

    def get(self, path):
        top, _, name = path.removeprefix("/data/").partition("/")
        assert top == "out"
        if name:
            return self._tar({name.rpartition("/")[2]: self.files[name]})
        return self._tar({f"out/{each}": content for each, content in self.files.items()})

    def _tar(self, files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                if content is None:
                    info.type, info.linkname = tarfile.SYMTYPE, "elsewhere"
                    archive.addfile(info)
                else:
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        data = packed.getvalue()
        return (data[at : at + 100_000] for at in range(0, len(data), 100_000))


class Empty:
    def get(self, _):
        return None


@pytest.fixture
def bucket(aws, new):
    """A bucket that keeps every version, so that uploads can be counted."""
    name = new("versions")
    aws.s3.create_bucket(Bucket=name)
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def uploads(aws, bucket):
    """How often each key was uploaded."""
    found: dict[str, int] = {}
    for version in aws.s3.list_object_versions(Bucket=bucket).get("Versions", []):
        found[version["Key"]] = found.get(version["Key"], 0) + 1
    return found


def content(aws, bucket, key):
    return aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_only_what_is_new_or_has_changed_is_uploaded(aws, bucket):
    folder: Any = Folder(a=b"1", b=b"1")
    mirror = artifacts.Mirror(aws.direct, "/data/out/", f"s3://{bucket}/there")
    mirror.update([folder])
    folder.files |= {"b": b"2", "c/d": b"3"}
    mirror.update([folder])
    mirror.update([folder])

    assert uploads(aws, bucket) == {"there/a": 1, "there/b": 2, "there/c/d": 1}
    assert content(aws, bucket, "there/b") == b"2"


def test_large_files_are_uploaded_once_too(aws, bucket):
    big = b"x" * artifacts.SMALL
    folder: Any = Folder(big=big + b"1")
    mirror = artifacts.Mirror(aws.direct, "/data/out", f"s3://{bucket}/")
    mirror.update([folder])
    mirror.update([folder])
    assert uploads(aws, bucket) == {"big": 1}
    folder.files["big"] = big + b"2"
    mirror.update([folder])
    assert uploads(aws, bucket) == {"big": 2}
    assert content(aws, bucket, "big") == big + b"2"


def test_of_files_with_one_name_the_first_hosts_stays(aws, bucket):
    hosts: list[Any] = [Empty(), Folder(same=b"2"), Folder(same=b"3", own=b"3")]
    mirror = artifacts.Mirror(aws.direct, "/data/out", f"s3://{bucket}")
    mirror.update(hosts)
    mirror.update(hosts)
    assert uploads(aws, bucket) == {"same": 1, "own": 1}
    assert content(aws, bucket, "same") == b"2"


def test_links_are_left_out(aws, bucket):
    folder: Any = Folder(link=None, file=b"1")
    artifacts.Mirror(aws.direct, "/data/out", f"s3://{bucket}/").update([folder])
    artifacts.upload_files(
        aws.direct,
        [folder.get("/data/out")],
        "out",
        f"s3://{bucket}/end",
        untold(),
        volumes=[Volume(1)],
    )
    assert uploads(aws, bucket) == {"file": 1, "end/file": 1}


def test_a_failed_upload_is_made_up_for(aws, bucket):
    folder: Any = Folder(a=b"1")
    mirror = artifacts.Mirror(aws.direct, "/data/out", f"s3://{bucket}-later/")
    with pytest.raises(aws.direct.exceptions.NoSuchBucket):
        mirror.update([folder])
    aws.s3.create_bucket(Bucket=f"{bucket}-later")
    mirror.update([folder])
    assert content(aws, f"{bucket}-later", "a") == b"1"
