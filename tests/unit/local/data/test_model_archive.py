"""Model archives: what comes out is the tar that went in, and never more than fits."""

import gzip
import io
import itertools
import os
import tarfile
import tracemalloc
import zlib

import pytest

from harness.local.data import model_archive, opt_ml
from harness.local.data.volumes import GB, FullVolumeError, Volume
from harness.local.engine.streams.pieces import Content

MB = 1 << 20


def tar(*files, trailer=b""):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue() + trailer


def pieces(data, size=5000):
    return (data[at : at + size] for at in range(0, len(data), size))


def unpacked(data, size=1):
    return b"".join(map(bytes, model_archive.unpacked(pieces(data), Volume(size))))


@pytest.mark.parametrize(
    "plain",
    [
        tar(),
        tar(("a", b"1"), ("folder/b", os.urandom(3 * MB + 17)), ("x" * 300, b"long")),
    ],
    ids=["empty", "files"],
)
def test_the_tar_comes_out_as_it_went_in(plain):
    assert unpacked(gzip.compress(plain)) == plain


def test_members_of_gzip_in_a_row_and_zeros_behind_are_one_archive():
    plain = tar(("a", b"1" * 10_000))
    packed = gzip.compress(plain[:5000]) + gzip.compress(plain[5000:]) + bytes(512)
    assert unpacked(packed) == plain


def test_parts_of_files_are_read(tmp_path):
    plain = tar(("a", b"1" * 10_000))
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(plain))
    content = Content(os.open(path, os.O_RDONLY), 0, path.stat().st_size)
    assert b"".join(map(bytes, model_archive.unpacked(content.pieces(), Volume(1)))) == plain


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f\x8b", b"\x1f\x8bnot so", tar(("a", b"1"))],
    ids=["nothing", "its beginning", "bytes", "tar"],
)
def test_what_is_no_gzip_is_refused(data):
    with pytest.raises(opt_ml.ContentError, match="it is not gzip-compressed"):
        unpacked(data)


def test_what_breaks_off_is_refused():
    packed = gzip.compress(tar(("a", os.urandom(100_000))))
    with pytest.raises(opt_ml.ContentError):
        unpacked(packed[:-5])
    with pytest.raises(opt_ml.ContentError):
        unpacked(packed[:50_000])


def test_gzip_of_anything_else_is_refused():
    with pytest.raises(opt_ml.ContentError, match="no tar archive"):
        unpacked(gzip.compress(b"text" * 1000))


def header(name, size, **members):
    info = tarfile.TarInfo(name)
    info.size = size
    for member, value in members.items():
        setattr(info, member, value)
    return info.tobuf(tarfile.PAX_FORMAT)


def endless(begin):
    """gzip of what begins so and goes on with zeros, as long as anybody reads."""
    packer = zlib.compressobj(wbits=31)
    yield packer.compress(begin) + packer.flush(zlib.Z_SYNC_FLUSH)
    for _ in itertools.count():
        yield packer.compress(bytes(MB)) + packer.flush(zlib.Z_SYNC_FLUSH)


SPARSE = {
    "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole",
    "GNU.sparse.realsize": str(1000 * GB),
}  # fmt: skip
HOLE = b"0\n".ljust(512, b"\0")


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(header("zeros", 1000 * GB), id="a large file"),
        pytest.param(header("hole", len(HOLE), pax_headers=SPARSE) + HOLE, id="a hole"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_it_comes(begin):
    passed: list[int] = []
    with pytest.raises(FullVolumeError, match="more than the 1 GB"):
        passed.extend(map(len, model_archive.unpacked(endless(begin), Volume(1))))
    assert sum(passed) <= 2 * MB


def test_files_that_together_do_not_fit_are_refused():
    volume = Volume(1)
    volume.take(GB - 10_000)
    plain = tar(("a", b"1" * 6000), ("b", b"2" * 6000))
    archive = model_archive.unpacked(pieces(gzip.compress(plain)), volume)
    assert bytes(next(archive)).startswith(b"a\0")
    with pytest.raises(FullVolumeError):
        list(archive)


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(header("long", 7 * GB, type=tarfile.XHDTYPE), id="a pax header"),
        pytest.param(header("long", 7 * GB, type=tarfile.GNUTYPE_LONGNAME), id="a long name"),
        pytest.param(tar(("a", b"1")), id="zeros behind the end"),
    ],
)
def test_endless_archives_take_no_memory(begin):
    tracemalloc.start()
    with pytest.raises(opt_ml.ContentError, match="16 MB that are of no file"):
        for _ in model_archive.unpacked(endless(begin), Volume(1)):
            pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100 * MB


def test_a_pointer_of_git_lfs_is_told_as_one():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    with pytest.raises(opt_ml.ContentError, match="a Git LFS pointer and not the archive itself"):
        unpacked(pointer)
