"""What `docker run IMAGE train` would start."""

import io
import tarfile

from harness.check.programs import find


def image(files):
    """By path: mode and content, or the target of a link."""

    def get(path):
        if path not in files:
            return None
        mode, content = files[path]
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(path.rpartition("/")[2])
            member.mode = mode
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return iter([archive.getvalue()])

    return get


SH = {"/bin/sh": (0o755, b"\x7fELF")}
NOTHING = {"Entrypoint": None, "Env": ["PATH=/opt/program:/usr/bin"]}


def test_a_script_on_the_path():
    files = {**SH, "/opt/program/train": (0o755, b"#!/bin/sh\n")}
    found = find("train", NOTHING, image(files))
    assert (found.seen, found.problem) == ("/opt/program/train", "")


def test_an_entry_point_behind_links():
    files = {"/usr/bin/python3": (0o777, "python3.11"), "/usr/bin/python3.11": (0o755, b"\x7fELF")}
    found = find("serve", {**NOTHING, "Entrypoint": ["python3", "x.py"]}, image(files))
    assert (found.seen, found.problem) == ("/usr/bin/python3.11 serve", "")


def test_nothing_of_that_name():
    found = find("train", NOTHING, image(SH))
    assert found.missing
    assert "no 'train' on the PATH" in found.problem


def test_a_script_that_is_not_executable():
    found = find("train", NOTHING, image({"/usr/bin/train": (0o644, b"#!/bin/sh\n")}))
    assert found.remedy == "RUN chmod +x /usr/bin/train"


def test_a_script_without_its_first_line():
    found = find("train", NOTHING, image({"/usr/bin/train": (0o755, b"import os\n")}))
    assert "begins with #!" in found.problem


def test_a_script_with_the_line_ends_of_windows():
    files = {**SH, "/usr/bin/train": (0o755, b"#!/bin/sh\r\n")}
    assert "Windows" in find("train", NOTHING, image(files)).problem


def test_a_script_whose_interpreter_is_missing():
    found = find("train", NOTHING, image({"/usr/bin/train": (0o755, b"#!/usr/bin/ruby\n")}))
    assert "there is no /usr/bin/ruby" in found.problem
