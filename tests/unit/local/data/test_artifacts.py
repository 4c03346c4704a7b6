"""Folders of containers on their way to S3, as tar streams that the engine would send."""

import io
import tarfile
from typing import Any

import pytest

from harness.local.data import artifacts
from harness.local.data.transfers import untold
from harness.local.data.volumes import FullVolumeError, Volume
from tests.unit.local.data.containers import Rooted


class Folder:
    """Stands for a container with one folder: `get` streams it as the engine does."""

    def __init__(self, **files):
        self.files = files

    def get(self, path):
        top, _, name = path.removeprefix("/data/").partition("/")
        assert top == "out"
        if name:
            return self._tar({name.rpartition("/")[2]: self.files[name]})
        files = {f"out/{each}": content for each, content in self.files.items()}
        return self._tar({"out": None, **files})

    def _tar(self, files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                if content is None:
                    info.type = tarfile.DIRTYPE
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


OUT = "/opt/ml/processing/out"


@pytest.fixture
def container(tmp_path):
    """A container with files, links to them, and links that lead elsewhere."""
    made = Rooted(tmp_path)
    folder = made.folder(OUT)
    (tmp_path / "secret").write_text("of the container")
    (folder / "sub").mkdir()
    (folder / "a").write_text("one")
    (folder / "b").hardlink_to(folder / "a")
    (folder / "sub/x").write_text("x")
    (folder / "last").symlink_to("a")
    (folder / "same").symlink_to("sub")
    (folder / "out").symlink_to("/secret")
    (folder / "host").symlink_to("../../../../../../../../etc/hostname")
    (folder / "gone").symlink_to("nothing")
    (folder / "round").symlink_to(".")
    return made


KEPT = {
    "a": b"one",
    "b": b"one",
    "last": b"one",
    "sub/x": b"x",
    "same/x": b"x",
}
LEFT_OUT = {"out", "host", "gone", "round"}


def upload(aws, bucket, containers, prefix="end", path=OUT):
    uri, own = f"s3://{bucket}/{prefix}", [Volume(1) for _ in containers]
    artifacts.upload_files(aws.direct, containers, path, uri, untold(), volumes=own)


def objects(aws, bucket, prefix="end/"):
    found = aws.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {each["Key"][len(prefix) :]: content(aws, bucket, each["Key"]) for each in found}


def told(caplog, what="is not uploaded to"):
    return {each.message.split()[0] for each in caplog.records if what in each.message}


def test_what_links_lead_to_is_uploaded_under_their_names(aws, bucket, container, caplog):
    upload(aws, bucket, [container])
    assert objects(aws, bucket) == KEPT
    assert told(caplog) == LEFT_OUT


@pytest.mark.parametrize("target", ["/scratch/results", "../../../scratch/results", "first"])
def test_a_folder_that_is_a_link_is_what_it_leads_to(aws, bucket, container, target, caplog):
    real = container.root / OUT[1:]
    (container.root / "scratch").mkdir()
    real.rename(container.root / "scratch/results")
    real.symlink_to(target)
    (real.parent / "first").symlink_to("/scratch/results")
    upload(aws, bucket, [container], path=f"{OUT}/")
    mirror = artifacts.Mirror(aws.direct, OUT, f"s3://{bucket}/mirror")
    mirror.update([container], [Volume(1)])
    assert objects(aws, bucket) == objects(aws, bucket, "mirror/") == KEPT
    assert told(caplog) == LEFT_OUT


@pytest.mark.parametrize("target", ["/nowhere", "out", "/", "/secret"])
def test_a_folder_that_is_a_link_to_none_is_said(aws, bucket, container, target, caplog):
    (container.root / OUT[1:]).rename(container.root / "elsewhere")
    (container.root / OUT[1:]).symlink_to(target)
    upload(aws, bucket, [container])
    assert objects(aws, bucket) == {}
    assert f"nothing is uploaded of {OUT}: it is a link to" in caplog.text


def test_a_link_in_an_output_that_is_uploaded_continuously(aws, bucket, container, caplog):
    mirror = artifacts.Mirror(aws.direct, OUT, f"s3://{bucket}/end")
    mirror.update([container])
    assert told(caplog) == set()  # every three seconds would be too often
    assert objects(aws, bucket) == KEPT
    folder = container.root / OUT[1:]
    (folder / "sub/x").write_text("y")
    (folder / "last").unlink()
    (folder / "last").symlink_to("sub/x")
    mirror.update([container])
    mirror.update([container], [Volume(1)])
    new = {"sub/x": b"y", "same/x": b"y", "last": b"y"}
    assert objects(aws, bucket) == KEPT | new
    assert uploads(aws, bucket) == {
        f"end/{name}": 2 if name in new else 1 for name in KEPT
    }  # fmt: skip
    assert told(caplog) == LEFT_OUT


def test_a_large_file_with_two_names(aws, bucket, tmp_path):
    container = Rooted(tmp_path)
    folder = container.folder(OUT)
    (folder / "a").write_bytes(b"x" * (artifacts.SMALL + 1))
    (folder / "b").hardlink_to(folder / "a")
    upload(aws, bucket, [container])
    artifacts.Mirror(aws.direct, OUT, f"s3://{bucket}/mirror").update([container])
    for key in ("end/a", "end/b", "mirror/a", "mirror/b"):
        assert content(aws, bucket, key) == b"x" * (artifacts.SMALL + 1)


def test_links_do_not_multiply_what_fits(aws, bucket, tmp_path):
    """Else one file that is as large as the volume may be uploaded a thousand times."""
    container = Rooted(tmp_path)
    folder = container.folder(OUT)
    (folder / "a").write_bytes(b"x" * (1 << 20))
    for number in range(2):
        (folder / f"link-{number}").symlink_to("a")
    with pytest.raises(FullVolumeError):
        artifacts.upload_files(
            aws.direct, [container], OUT, f"s3://{bucket}/", untold(), volumes=[Megabyte()]
        )


class Megabyte(Volume):
    """A volume that has room for no more."""

    def __init__(self):
        super().__init__(1)
        self.take((1 << 30) - (1 << 20))

    def empty(self):
        return Megabyte()


def archived(aws, containers, name):
    """What is in the archive of their folders: contents, and of links their targets."""
    uri, own = f"s3://{aws.bucket}/{name}.tar.gz", [Volume(1) for _ in containers]
    artifacts.upload_archive(aws.direct, containers, OUT, uri, untold(), volumes=own)
    packed = io.BytesIO(content(aws, aws.bucket, f"{name}.tar.gz"))
    with tarfile.open(fileobj=packed) as archive:
        return {
            each.name: each.linkname if each.issym() else file.read() if file else b""
            for each in archive
            if not each.isdir()
            for file in [None if each.issym() else archive.extractfile(each)]
        }


def test_an_archive_keeps_links(aws, new, container, caplog):
    found = archived(aws, [container], new("links"))
    assert found["a"] == found["b"] == b"one"
    assert {name: found[name] for name in ("last", "same", "gone")} == {
        "last": "a",
        "same": "sub",
        "gone": "nothing",
    }
    assert told(caplog, "is of no use in") == {"out", "host", "gone"}


def test_in_an_archive_of_two_hosts_a_hard_link_is_its_own_hosts_file(aws, new, tmp_path):
    containers = [Rooted(tmp_path / name) for name in ("1", "2")]
    for each, text in zip(containers, ("first", "second"), strict=True):
        folder = each.folder(OUT)
        (folder / "a").write_text(text)
    (folder / "b").hardlink_to(folder / "a")
    assert archived(aws, containers, new("hosts")) == {"a": b"first", "b": b"second"}


def test_a_failed_upload_is_made_up_for(aws, bucket):
    folder: Any = Folder(a=b"1")
    mirror = artifacts.Mirror(aws.direct, "/data/out", f"s3://{bucket}-later/")
    with pytest.raises(aws.direct.exceptions.NoSuchBucket):
        mirror.update([folder])
    aws.s3.create_bucket(Bucket=f"{bucket}-later")
    mirror.update([folder])
    assert content(aws, f"{bucket}-later", "a") == b"1"
