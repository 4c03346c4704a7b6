"""What goes into an image and how its tag follows from it; no Docker needed."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from harness.errors import BuildError
from harness.image import context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE_ID = "sha256:0000"


def content_hash(project: Path, base: str = BASE_ID) -> str:
    return context.Sources.read(project).content_hash(base)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "container/code/model_logic.py").write_text("print('other')\n"),
        lambda root: (root / "container/code/new.py").write_text(""),
        lambda root: (root / "container/code/model_logic.py").rename(root / "container/code/m.py"),
        lambda root: (root / "container/Dockerfile").write_text("FROM scratch\n"),
        lambda root: (root / "container/code/model_logic.py").chmod(0o755),
        lambda root: (root / "gam_model/src/gam_model/__init__.py").write_text("X = 1\n"),
        lambda root: (root / "gam_model/pyproject.toml").write_text("[project]\n"),
    ],
    ids=["edit", "add", "rename", "dockerfile", "executable", "package", "metadata"],
)
def test_whatever_goes_in_decides_the_tag(project: Path, change: Callable[[Path], object]) -> None:
    before = content_hash(project)
    change(project)
    assert content_hash(project) != before


def test_the_base_image_decides_too(project: Path) -> None:
    assert content_hash(project, "sha256:0000") != content_hash(project, "sha256:1111")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: os.utime(root / "container/code/model_logic.py", (1, 1)),
        lambda root: (root / "container/code/model_logic.py").chmod(0o600),
        lambda root: (root / "container/.hidden").write_text("x"),
        lambda root: (root / "container/code/__pycache__").mkdir(),
        lambda root: (root / "gam_model/tests/test_gam.py").write_text("assert True\n"),
        lambda root: (root / "harness.toml").write_text("region = 'eu-west-1'\n"),
    ],
    ids=["time", "mode", "hidden", "bytecode", "tests", "settings"],
)
def test_what_does_not_go_in_leaves_the_tag(
    project: Path, change: Callable[[Path], object]
) -> None:
    before = content_hash(project)
    change(project)
    assert content_hash(project) == before


def test_the_tag_does_not_depend_on_where_the_project_stands(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "elsewhere")
    assert content_hash(tmp_path / "elsewhere") == content_hash(project)


def test_no_dockerfile(project: Path) -> None:
    (project / "container/Dockerfile").unlink()
    with pytest.raises(BuildError, match=r"there is no .*/container/Dockerfile to build"):
        context.Sources.read(project)


def test_the_context_is_a_plain_tar(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 10_000)  # over a chunk, and no multiple of a block
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    files: dict[str, Path | bytes] = {
        "b/large": large,
        "a": b"text",
        "script": script,
        "n" * 120 + "/long": script,
    }

    packed = b"".join(context.tar_stream(files))

    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == sorted(files)
        assert extracted(tar, "b/large") == large.read_bytes()
        assert extracted(tar, "a") == b"text"
        assert extracted(tar, "n" * 120 + "/long") == script.read_bytes()
        assert tar.getmember("script").mode == 0o755
        assert {(e.mtime, e.uid, e.gid, e.uname) for e in tar} == {(0, 0, 0, "")}


def extracted(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def test_the_context_is_the_same_bytes_for_the_same_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_text("the same")
    os.utime(other, (1, 1))
    assert b"".join(context.tar_stream({"x": one})) == b"".join(context.tar_stream({"x": other}))
