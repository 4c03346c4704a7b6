"""Tar streams to containers and from them: read with tarfile, written as an engine writes them."""

import io
import json
import tarfile
from typing import Any

import pytest

from harness.local.data import opt_ml
from harness.local.data.links import Tree


def read(stream):
    return tarfile.open(fileobj=io.BufferedReader(opt_ml.TarReader(iter(stream))), mode="r|")


def content(archive, member):
    return archive.extractfile(member).read()


def contents(stream):
    with read(stream) as archive:
        return {
            member.name: content(archive, member) if member.isfile() else None for member in archive
        }


def engine_tar(members, chunk=700):
    """A tar of `(name, content or a TarInfo's members)`, in chunks that fall anywhere."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                for member, value in content.items():
                    setattr(info, member, value)
                archive.addfile(info)
    packed.seek(0)
    return (piece for piece in iter(lambda: packed.read(chunk), b""))


DIRECTORY = {"type": tarfile.DIRTYPE, "mode": 0o755}


def repacked(members, below="model"):
    """How many files were copied, and the copies."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        count, _ = opt_ml.repack(engine_tar(members), archive, below, Tree(below))
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        return count, {
            member.name: (content(archive, member) if member.isreg() else member.linkname)
            for member in archive
        }


class TestTarStream:
    def test_files_and_folders_come_out_as_they_went_in(self):
        entries = [
            opt_ml.folder("opt/ml"),
            opt_ml.file("opt/ml/a.json", b"{}"),
            opt_ml.file("opt/ml/empty", b""),
            opt_ml.Entry("opt/ml/in-pieces", 1024, iter([b"x" * 1000, b"y" * 24])),
        ]
        assert contents(opt_ml.tar_stream(entries)) == {
            "opt/ml": None,
            "opt/ml/a.json": b"{}",
            "opt/ml/empty": b"",
            "opt/ml/in-pieces": b"x" * 1000 + b"y" * 24,
        }

    @pytest.mark.parametrize("name", ["ü ñ/日本.txt", "line\nbreak", "d/" * 60 + "x", "x" * 255])
    def test_any_name_passes(self, name):
        assert contents(opt_ml.tar_stream([opt_ml.file(name, b"1")])) == {name: b"1"}

    def test_a_size_beyond_eight_gigabytes_passes(self):
        nine = 9 * 1024**3
        stream: Any = opt_ml.tar_stream([opt_ml.Entry("big", nine, iter([b"x"]))])
        headers = b"".join(next(stream) for _ in range(2))  # the second is the first content
        with tarfile.open(fileobj=io.BytesIO(headers), mode="r|") as archive:
            first = archive.next()
            assert first is not None
            assert first.size == nine

    @pytest.mark.parametrize("chunks", [[b"123"], [b"1234", b"56"]])
    def test_another_size_than_announced_is_an_error(self, chunks):
        with pytest.raises(opt_ml.ContentError, match="came where 5 were announced"):
            list(opt_ml.tar_stream([opt_ml.Entry("f", 5, chunks)]))

    def test_content_is_read_only_when_its_turn_comes(self):
        asked = []

        def content(name):
            asked.append(name)
            yield b"1"

        stream = opt_ml.tar_stream(
            opt_ml.Entry(name, 1, content(name)) for name in ("first", "second")
        )
        next(stream), next(stream)
        assert asked == ["first"]


def test_a_training_layout_is_what_sagemaker_writes():
    layout = opt_ml.TrainingLayout(
        hyperparameters={"df": "20"},
        channels={"train": {"TrainingInputMode": "File"}, "empty": {}},
        hosts=[opt_ml.Host("algo-1", "ml.m5.large")],
        current=opt_ml.Host("algo-1", "ml.m5.large"),
        data=[opt_ml.file("train/a.csv", b"1,2\n")],
    )
    found = contents(opt_ml.tar_stream(layout.entries()))
    config = "opt/ml/input/config"
    assert json.loads(found[f"{config}/hyperparameters.json"]) == {"df": "20"}
    assert json.loads(found[f"{config}/inputdataconfig.json"]) == {
        "train": {"TrainingInputMode": "File"},
        "empty": {},
    }
    assert json.loads(found[f"{config}/resourceconfig.json"]) == {
        "current_host": "algo-1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": "ml.m5.large",
                "hosts": ["algo-1"],
            }
        ],
        "network_interface_name": "eth0",
    }
    assert found["opt/ml/input/data/train/a.csv"] == b"1,2\n"
    folders = {name for name, content in found.items() if content is None}
    assert folders == {
        "opt/ml", "opt/ml/input", "opt/ml/input/config", "opt/ml/input/data", "opt/ml/model",
        "opt/ml/output", "opt/ml/output/data", "opt/ml/checkpoints",
        "opt/ml/input/data/train", "opt/ml/input/data/empty",
    }  # fmt: skip


class TestRepack:
    def test_names_are_relative_to_the_folder(self):
        assert repacked(
            [("model", DIRECTORY), ("model/a", b"1"), ("model/model", DIRECTORY),
             ("model/model/b", b"2")]
        ) == (2, {"a": b"1", "model": "", "model/b": b"2"})  # fmt: skip

    @pytest.mark.parametrize("name", ["üñï", "x" * 200, "line\nbreak", "\udcff\udcfe"])
    def test_names_that_need_a_pax_header_are_relative_too(self, name):
        count, found = repacked(
            [
                (f"model/{name}", b"1"),
                (f"model/{name}-hard", {"type": tarfile.LNKTYPE, "linkname": f"model/{name}"}),
                ("model/soft", {"type": tarfile.SYMTYPE, "linkname": name}),
            ]
        )
        assert (count, found) == (3, {name: b"1", f"{name}-hard": name, "soft": name})

    def test_what_is_no_file_is_left_out(self):
        fifo = {"type": tarfile.FIFOTYPE}
        device = {"type": tarfile.CHRTYPE}
        assert repacked([("model/f", fifo), ("model/d", device)]) == (0, {})

    def test_folders_alone_are_no_files(self):
        assert repacked([("data", DIRECTORY), ("data/sub", DIRECTORY)], below="data") == (
            0,
            {"sub": ""},
        )

    def test_a_stream_that_ends_early_is_an_error(self):
        stream = list(engine_tar([("model/a", b"1" * 5000)]))[:3]
        with (
            tarfile.open(fileobj=io.BytesIO(), mode="w") as archive,
            pytest.raises(tarfile.ReadError),
        ):
            opt_ml.repack(iter(stream), archive, "model", Tree("/model"))


class TestReadFailure:
    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"  the reason\n", "the reason"),
            (b"", ""),
            ("ü".encode() * 5000, "ü" * 1024),
            (b"\xff\x00", "\ufffd\x00"),
        ],
    )
    def test_the_first_characters_of_the_file(self, content, text):
        assert opt_ml.read_failure(engine_tar([("failure", content)])) == text

    def test_none_is_empty(self):
        assert opt_ml.read_failure(None) == ""

    @pytest.mark.parametrize(
        "members",
        [
            [("failure", DIRECTORY), ("failure/x", b"inner")],
            [("failure", {"type": tarfile.SYMTYPE, "linkname": "/dev/stderr"})],
        ],
    )
    def test_what_is_no_file_is_empty(self, members):
        assert opt_ml.read_failure(engine_tar(members)) == ""
