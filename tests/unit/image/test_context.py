"""What goes into an image and how its tag follows from it; no Docker needed."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.config.settings import Image
from harness.errors import BuildError
from harness.image import context

if TYPE_CHECKING:
    from collections.abc import Callable

BASE_ID = "sha256:0000"


IMAGE = Image(packages=["gam_model"])


def content_hash(project: Path, base: str = BASE_ID, image: Image = IMAGE) -> str:
    return context.Sources.read(project, image).content_hash(base)


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


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
        # As with Docker, which sends what is hidden, too: an image may need it.
        lambda root: (root / "container/.hidden").write_text("x"),
        lambda root: (root / "container/.dockerignore").write_text("nothing"),
    ],
    ids=["edit", "add", "rename", "dockerfile", "executable", "package", "metadata", "hidden",
         "ignored"],
)  # fmt: skip
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
        lambda root: write(root / "container/.git/HEAD"),
        lambda root: write(root / "container/code/__pycache__/model_logic.cpython-311.pyc"),
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
    with pytest.raises(BuildError, match=r"/container/Dockerfile to build: put one there, or "):
        context.Sources.read(project, IMAGE)
    elsewhere = IMAGE.model_copy(update={"context": "contaner"})
    with pytest.raises(BuildError, match=r"to build: image\.context = 'contaner' is no folder in "):
        context.Sources.read(project, elsewhere)
    (project / "harness.toml").unlink()
    with pytest.raises(BuildError, match=r"to build: run this in the project's folder, the one "):
        context.Sources.read(project, IMAGE)


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


def sent(project: Path, **image: Any) -> set[str]:
    return set(context.Sources.read(project, Image(**image)).context)


def test_what_no_image_needs_is_not_sent(project: Path) -> None:
    for name in (
        ".git/HEAD", "a/.venv/bin/python", "a/b/__pycache__/c.pyc", "d.pyo", ".DS_Store",
        "build/runs/harness-20261125-120000-abcdef/model.tar.gz", ".mypy_cache/x", "a/.harness/x",
    ):  # fmt: skip
        write(project / "container" / name)
    for name in ("build/made.txt", ".streamlit/config.toml", "git/HEAD"):
        write(project / "container" / name)

    assert sent(project) == {
        "Dockerfile", "code/model_logic.py", "build/made.txt", ".streamlit/config.toml", "git/HEAD"
    }  # fmt: skip


def test_a_dockerignore_says_what_else(project: Path) -> None:
    for name in ("data/big.bin", "data/small.csv", "notes.md", "Dockerfile.dev", "a/__pycache__/x"):
        write(project / "container" / name)
    write(
        project / "container/.dockerignore",
        "# a comment\n\n  data/*\n!data/small.csv\n**/*.md\nDockerfile*\n!a/__pycache__\n",
    )

    assert sent(project) == {
        # The Dockerfile is sent whatever it says, and what is named there comes back.
        ".dockerignore", "Dockerfile", "code/model_logic.py", "data/small.csv", "a/__pycache__/x",
    }  # fmt: skip


def test_what_is_left_out_does_not_decide_the_tag(project: Path) -> None:
    write(project / "container/.dockerignore", "data")
    before = content_hash(project)
    write(project / "container/data/big.bin", "1")
    assert content_hash(project) == before


@pytest.mark.parametrize(
    "name", ["docker/Dockerfile", "./docker/Dockerfile", "a/../docker/Dockerfile"]
)
def test_a_dockerfile_elsewhere_in_the_context(project: Path, name: str) -> None:
    write(project / "container/docker/Dockerfile", "FROM scratch\n")
    (project / "container/a").mkdir()

    sources = context.Sources.read(project, Image(dockerfile=name))

    assert sources.dockerfile_name == "docker/Dockerfile"
    assert sources.dockerfile == "FROM scratch\n"


def test_the_context_may_be_the_project_itself(project: Path) -> None:
    write(project / "Dockerfile", "FROM scratch\n")
    write(project / "build/runs/x/model.tar.gz")

    assert "Dockerfile" in sent(project, context=".")
    assert not [name for name in sent(project, context=".") if "runs" in name]


def test_a_dockerfile_outside_the_context(project: Path) -> None:
    write(project / "Dockerfile", "FROM scratch\n")

    with pytest.raises(BuildError, match=r"^image\.dockerfile = '\.\./Dockerfile' is outside of "):
        context.Sources.read(project, Image(dockerfile="../Dockerfile"))


@pytest.mark.parametrize(
    "changed",
    [{"target": "builder"}, {"build_args": {"A": "1"}}, {"network": "none"},
     {"dockerfile": "Dockerfile.other"}],
)  # fmt: skip
def test_how_it_is_built_decides_the_tag(project: Path, changed: dict[str, Any]) -> None:
    text = (project / "container/Dockerfile").read_text()
    write(project / "container/Dockerfile.other", text)
    before = content_hash(project)

    assert content_hash(project, image=IMAGE.model_copy(update=changed)) != before
    one = IMAGE.model_copy(update={"build_args": {"A": "1", "B": "2"}})
    other = IMAGE.model_copy(update={"build_args": {"B": "2", "A": "1"}})
    assert content_hash(project, image=one) == content_hash(project, image=other)


@pytest.mark.parametrize(
    ("dockerfile", "build_args", "base"),
    [
        ("FROM python:3.12\nFROM scratch", {}, "python:3.12"),
        ("# FROM a\n\n  from --platform=linux/amd64 python:3.12 as a", {}, "python:3.12"),
        ("FROM scratch", {}, "scratch"),
        ("ARG V=3.12\nFROM python:$V", {}, "python:3.12"),
        ("ARG V=3.12\nFROM python:${V}-slim", {"V": "3.13"}, "python:3.13-slim"),
        ('ARG IMAGE="python:3.12"\nFROM $IMAGE', {}, "python:3.12"),
        ("ARG IMAGE\nFROM ${IMAGE:-python:3.12}", {}, "python:3.12"),
        ("ARG IMAGE\nFROM ${IMAGE:-python:3.12}", {"IMAGE": "mine:1"}, "mine:1"),
        ("ARG R=here:5000/\nARG V=1\nFROM ${R}a:${V}", {}, "here:5000/a:1"),
        ("ARG IMAGE\nFROM ${IMAGE-python:3.12}", {"IMAGE": "mine:1"}, "mine:1"),
        ("FROM ${IMAGE-python:3.12}", {}, "python:3.12"),
        ("ARG V=3.12\nFROM python${V:+:}${V}", {}, "python:3.12"),
        ("ARG V=3.12\nARG IMAGE=python:${V}\nFROM $IMAGE", {}, "python:3.12"),
        ("ARG V=3.12\nARG IMAGE=python:${V}\nFROM $IMAGE", {"V": "3.13"}, "python:3.13"),
        ("ARG I=python V='3.12'\nFROM $I:$V", {}, "python:3.12"),
        ("ARG I=python \\\n    V=3.12\nFROM \\\n  # so\n  $I:$V AS a", {}, "python:3.12"),
        ("\ufeffFROM python:3.12", {}, "python:3.12"),
        # Of a stage, and of no concern to FROM.
        ("ARG A=a\nFROM $A\nARG A=b\nFROM c", {}, "a"),
        ("FROM a:${A:-1}\nARG A=2", {"A": "3"}, "a:1"),
    ],
)
def test_the_image_that_the_first_stage_is_built_on(
    project: Path, dockerfile: str, build_args: dict[str, str], base: str
) -> None:
    write(project / "container/Dockerfile", dockerfile)

    sources = context.Sources.read(project, Image(build_args=build_args))

    assert sources.first_base == base
    assert not sources.takes_base


@pytest.mark.parametrize(
    ("dockerfile", "says"),
    [
        ("RUN true\n", r"/Dockerfile has no FROM\.$"),
        ("ARG IMAGE\nFROM $IMAGE\n", r"/Dockerfile is built on \$IMAGE, which is no image: give "),
    ],
)
def test_a_dockerfile_that_is_built_on_nothing(project: Path, dockerfile: str, says: str) -> None:
    write(project / "container/Dockerfile", dockerfile)

    with pytest.raises(BuildError, match=says):
        _ = context.Sources.read(project, Image()).first_base


def test_names_and_texts_may_be_of_any_bytes(project: Path) -> None:
    """As Docker has them: it is Linux's files that go into an image."""
    folder = project / "container"
    (folder / "Dockerfile").write_bytes(b"FROM a\n# caf\xe9\n")
    (folder / ".dockerignore").write_bytes(b"\xef\xbb\xbfleft-out\n\xe9\n")
    for name in (b"left-out", b"\xe9", b"\xff"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()

    sources = context.Sources.read(project, Image())

    assert os.fsdecode(b"\xff") in sources.context
    assert not {"left-out", os.fsdecode(b"\xe9")} & sources.context.keys()
    assert sources.dockerfile.encode(errors="surrogateescape") == b"FROM a\n# caf\xe9\n"
    assert sources.content_hash("base")


def test_a_base_is_given_where_it_is_asked_for(project: Path) -> None:
    assert context.Sources.read(project, Image()).takes_base
    write(project / "container/Dockerfile", "ARG A=1 BASE_IMAGE=b\nFROM $BASE_IMAGE\n")
    assert context.Sources.read(project, Image()).takes_base
    write(project / "container/Dockerfile", "FROM a\nARG OTHER\n")
    assert not context.Sources.read(project, Image()).takes_base


def test_requirements_are_those_of_the_context_if_there_are_some(project: Path) -> None:
    sources = context.Sources.read(project, Image())
    assert (sources.requirements, sources.constraints) == (None, None)

    for name in ("requirements.txt", "deep/locked.txt"):
        write(project / "container" / name)
    sources = context.Sources.read(project, Image(constraints="deep/locked.txt"))
    assert sources.requirements == project / "container/requirements.txt"
    assert sources.constraints == project / "container/deep/locked.txt"


def test_a_link_that_leads_out_of_the_context_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "container"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "inside").symlink_to("Dockerfile")
    assert "inside" in context.Sources.read(tmp_path, Image()).context
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to("../secret")
    with pytest.raises(BuildError, match=r"link is a link to .*secret, outside the build context"):
        context.Sources.read(tmp_path, Image())
    (folder / ".dockerignore").write_text("link\n")
    assert "link" not in context.Sources.read(tmp_path, Image()).context
