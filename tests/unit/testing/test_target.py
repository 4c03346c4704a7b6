"""Data that tests give as it comes."""

import pytest

from harness.testing.target import Lines, as_source


def test_files_by_name_are_written(tmp_path):
    source = as_source({"a.csv": "1,2\n", "deep/b.bin": b"\0"}, tmp_path / "new")
    assert source == str(tmp_path / "new")
    assert (tmp_path / "new/a.csv").read_text() == "1,2\n"
    assert (tmp_path / "new/deep/b.bin").read_bytes() == b"\0"


def test_paths_and_uris_stay(tmp_path):
    assert as_source(tmp_path, tmp_path / "new") == str(tmp_path)
    assert as_source("s3://bucket/key", tmp_path / "new") == "s3://bucket/key"
    assert not (tmp_path / "new").exists()


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(TypeError, match="files by name, and this is int"):
        as_source(3, tmp_path / "new")


def test_lines_of_containers_are_told_from_our_own():
    lines = Lines()
    for line in ("train ...", "  | a", "  |   b"):
        lines(line)
    assert lines.of_containers == ["a", "  b"]
