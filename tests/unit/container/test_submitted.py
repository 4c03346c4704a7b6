"""Programs that come along: unpacked where they belong, and not without end. No network."""

import gzip
import io
import os
import sys
import tarfile
import types
from typing import Any

import pytest
from botocore.exceptions import ClientError

from serving import submitted
from serving.errors import StartError


def packed(*members, compress=True):
    """An archive of members: (name, content), or a TarInfo with its content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz" if compress else "w") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.fixture
def fetched(tmp_path):
    """Puts an archive's program into a folder, which it returns."""
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)

    def fetched(content):
        archive = tmp_path / "sourcedir.tar.gz"
        archive.write_bytes(content)
        submitted.fetch(str(archive), folder)
        return folder

    return fetched


def found(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_is_unpacked(fetched, compress):
    program = tarfile.TarInfo("bin/run.sh")
    program.mode = 0o4755
    members = [("train.py", b"one"), (program, b"two"), ("./train.py", b"three")]
    links = [link("same.py", "train.py"), link("bin/hard.sh", "bin/run.sh", tarfile.LNKTYPE)]
    folder = fetched(packed(*members, *links, compress=compress))
    assert found(folder) == {
        "train.py": "three",
        "bin/run.sh": "two",
        "same.py": "three",
        "bin/hard.sh": "two",
    }
    assert (folder / "bin/run.sh").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "members",
    [
        [("../out.py", b"x")],
        [("/out.py", b"x")],
        [link("away", "../.."), ("away/out.py", b"x")],
        [link("away", "/tmp"), ("away/out.py", b"x")],
        [link("out.py", "../../sourcedir.tar.gz", tarfile.LNKTYPE)],
        [link("fifo", "", tarfile.FIFOTYPE)],
    ],
    ids=["up", "root", "link", "far-link", "hard-link", "fifo"],
)
def test_nothing_gets_out_of_the_folder(fetched, tmp_path, members):
    folder = fetched(packed(*members, ("train.py", b"x")))
    inside = {path for path in tmp_path.rglob("*") if path.is_relative_to(folder.parent)}
    assert set(tmp_path.rglob("*")) - inside == {tmp_path / "sourcedir.tar.gz"}
    assert (folder / "train.py").exists()
    assert not any(path.is_symlink() or path.is_fifo() for path in folder.rglob("*"))
    assert "sourcedir" not in "".join(found(folder).values())


def zeros(size):
    """A header that says so many bytes, all of them zero, compressed."""
    info = tarfile.TarInfo("zeros")
    info.size = size
    return gzip.compress(info.tobuf() + bytes(size))


def long_header(size):
    """A member whose name takes so many bytes."""
    info = tarfile.TarInfo("x")
    info.size, info.type = size, tarfile.GNUTYPE_LONGNAME
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"n" * size + bytes(1024))


@pytest.mark.parametrize(
    ("make", "bounds"),
    [
        (lambda: zeros(100_001), {"MAX_BYTES": 100_000}),
        (lambda: packed(*((f"{number}.py", b"") for number in range(11))), {"MAX_MEMBERS": 10}),
        (lambda: long_header(200_000), {"MAX_HEADER": 50_000}),
    ],
    ids=["bytes", "members", "header"],
)
def test_what_is_too_large_is_refused(fetched, monkeypatch, make, bounds):
    for name, value in bounds.items():
        monkeypatch.setattr(submitted, name, value)
    with pytest.raises(StartError, match=r"sourcedir.tar.gz is too large: it may have .* files"):
        fetched(make())


@pytest.mark.parametrize(
    "content",
    [b"print('not an archive')", b"\x1f\x8bnor this", packed(("a.py", os.urandom(9999)))[:5000]],
    ids=["text", "gzip", "cut"],
)
def test_what_is_no_archive_is_told_in_one_sentence(fetched, content):
    with pytest.raises(StartError, match=r"sourcedir.tar.gz is not a tar archive, or not a whole"):
        fetched(content)


def test_a_folder_is_copied(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "train.py").write_text("x")
    (tmp_path / "to").mkdir()
    submitted.fetch(f"file://{tmp_path}/from", tmp_path / "to")
    assert found(tmp_path / "to") == {"train.py": "x"}


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(StartError, match=r"is not at .*/gone: there is nothing"):
        submitted.fetch(str(tmp_path / "gone"), tmp_path)


def test_a_program_is_fetched_from_s3(tmp_path, monkeypatch):
    asked = []

    class Client:
        def get_object(self, **request):
            asked.append(request)
            content = packed(("train.py", b"x"))
            return {"ContentLength": len(content), "Body": io.BytesIO(content)}

    boto3 = types.SimpleNamespace(client=lambda *_, **__: Client())
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    submitted.fetch("s3://bucket/a/b/sourcedir.tar.gz", tmp_path)
    assert asked == [{"Bucket": "bucket", "Key": "a/b/sourcedir.tar.gz"}]
    assert found(tmp_path) == {"train.py": "x"}
    monkeypatch.setattr(submitted, "MAX_BYTES", 10)
    with pytest.raises(StartError, match="too large"):
        submitted.fetch("s3://bucket/a/b/sourcedir.tar.gz", tmp_path)


def test_what_is_not_in_s3_is_told(tmp_path, monkeypatch):
    class Client:
        def get_object(self, **_):
            said: Any = {
                "Error": {"Code": "NoSuchKey", "Message": "The specified key does not exist."}
            }
            raise ClientError(said, "GetObject")

    boto3 = types.SimpleNamespace(client=lambda *_, **__: Client())
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    with pytest.raises(StartError, match=r"from s3://bucket/a: An error .* does not exist\.$"):
        submitted.fetch("s3://bucket/a", tmp_path)


def test_what_pip_cant_install_is_told_in_its_words(tmp_path):
    submitted.install(tmp_path)  # nothing is asked for
    (tmp_path / "requirements.txt").write_text("./gone\n")
    with pytest.raises(StartError, match=r"`pip install -r requirements.txt` ended with .*: ERROR"):
        submitted.install(tmp_path)
