"""What fits into an instance's volume."""

import io
import tarfile

import pytest

from harness.aws_model import volumes
from harness.local.data import artifacts, opt_ml
from harness.local.data.links import Tree
from harness.local.data.transfers import untold
from harness.local.data.volumes import GB, FullVolumeError, Volume


def hole(size):
    """A folder's tar stream with a file of this size, of which few bytes are asked for."""
    folder = tarfile.TarInfo("model")
    folder.type = tarfile.DIRTYPE
    yield folder.tobuf(tarfile.PAX_FORMAT)
    info = tarfile.TarInfo("model/hole")
    info.size = size
    yield info.tobuf(tarfile.PAX_FORMAT)
    for _ in range(4):
        yield bytes(1 << 20)
    pytest.fail("the file was read")


class Hole:
    """Stands for a container with such a file."""

    def get(self, _):
        return hole(2 * GB)


def test_a_volume_takes_what_fits():
    volume = Volume(1)
    volume.take(GB)
    with pytest.raises(FullVolumeError, match="Insufficient disk space: more than the 1 GB"):
        volume.take(1)


def test_a_file_for_a_container_that_does_not_fit_is_not_read():
    unread = iter([b"x"])
    entries = [opt_ml.file("small", b"1"), opt_ml.Entry("large", GB, unread)]
    with pytest.raises(FullVolumeError):
        list(opt_ml.tar_stream(entries, Volume(1)))
    assert list(unread) == [b"x"]


def test_a_file_from_a_container_that_does_not_fit_is_not_read():
    """One of 1 TB may be nothing but a hole, and would be zeros in an archive."""
    with (
        tarfile.open(fileobj=io.BytesIO(), mode="w") as archive,
        pytest.raises(FullVolumeError),
    ):
        opt_ml.repack(hole(1000 * GB), archive, "model", Tree("/model"), volume=Volume(5))


def test_no_archive_of_what_does_not_fit_is_uploaded(aws, new):
    for upload in (
        lambda: artifacts.upload_archive(
            aws.direct, [Hole()], "/opt/ml/model", f"s3://{aws.bucket}/{new('m')}.tar.gz", untold(),
            volumes=[Volume(1)],
        ),
        lambda: artifacts.upload_files(
            aws.direct, [Hole()], "/opt/ml/model", f"s3://{aws.bucket}/{new('m')}", untold(),
            volumes=[Volume(1)],
        ),
    ):  # fmt: skip
        with pytest.raises(FullVolumeError):
            upload()
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix="m-")


@pytest.mark.parametrize(
    ("instance_type", "requested", "size"),
    [
        ("ml.m5.large", 5, 5),
        ("ml.m5.large", None, 30),
        ("", None, 30),
        ("ml.g4dn.xlarge", 5, 125),
        ("ml.m5d.large", None, 125),
        ("ml.p3dn.24xlarge", 200, 200),
        ("ml.t3.medium", None, 30),
    ],
)
def test_the_size_of_a_volume(instance_type, requested, size):
    assert volumes.size(instance_type, requested) == size
