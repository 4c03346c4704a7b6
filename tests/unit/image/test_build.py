"""What goes into an image and how its tag follows from it; no Docker needed."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest

from harness import config
from harness.errors import BuildError, EngineError
from harness.image import base, build, context, wheelhouse

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
BASE_ID = "sha256:0000"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a container and a package, small as can be."""
    files = {
        "harness.toml": "",
        "container/Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY code code\n",
        "container/code/model_logic.py": "print('trained')\n",
        "gam_model/pyproject.toml": "[project]\nname = 'gam-model'\nversion = '1'\n",
        "gam_model/src/gam_model/__init__.py": "",
        "gam_model/tests/test_gam.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


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
    files = {"b/large": large, "a": b"text", "script": script, "n" * 120 + "/long": script}

    packed = b"".join(context.tar_stream(files))

    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == sorted(files)
        assert extracted(tar, "b/large") == large.read_bytes()
        assert extracted(tar, "a") == b"text"
        assert extracted(tar, "n" * 120 + "/long") == script.read_bytes()
        assert tar.getmember("script").mode == 0o755
        assert {(e.mtime, e.uid, e.gid, e.uname) for e in tar} == {(0, 0, 0, "")}


def unexpected(line: str) -> None:
    raise AssertionError(line)


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


def log_of(*texts: str, progress: Callable[[str], None] = lambda line: None) -> build._BuildLog:
    log = build._BuildLog(progress)
    for text in texts:
        log.read({"stream": text})
    return log


def test_the_stages_of_a_build_are_found_in_its_log() -> None:
    log = log_of(
        "Step 1/5 : ARG BASE_IMAGE",
        "\n",
        "Step 2/5 : FROM ${BASE_IMAGE} AS builder",
        "\n",
        " ---> aaaaaaaaaaaa\n",
        "Step 3/5 : RUN make",
        "\n",
        " ---> Running in bbbbbbbbbbbb\n",
        "made\n",
        " ---> cccccccccccc\n",
        "Step 4/5 : FROM ${BASE_IMAGE}",
        "\n",
        " ---> aaaaaaaaaaaa\n",
        "Step 5/5 : COPY --from=builder /x /x",
        "\n",
        " ---> dddddddddddd\n",
    )
    log.read({"aux": {"ID": "sha256:dddd"}})
    assert log.stages == ["cccccccccccc"]
    assert log.image == "sha256:dddd"


def test_only_steps_that_do_something_are_shown() -> None:
    shown: list[str] = []
    log_of(
        "Step 1/3 : RUN a",
        "\n",
        " ---> Using cache\n",
        " ---> aaaaaaaaaaaa\n",
        "Step 2/3 : RUN b   \\     c",
        "\n",
        " ---> Running in bbbbbbbbbbbb\n",
        "output\n",
        "Step 3/3 : COPY d d",
        "\n",
        " ---> cccccccccccc\n",
        progress=shown.append,
    )
    assert shown == ["Step 2/3 : RUN b \\ c", "Step 3/3 : COPY d d"]


def test_a_failed_step_is_one_sentence() -> None:
    log = log_of("Step 2/3 : RUN make", "\n", " ---> Running in bbbb\n", "no rule\n", "stopped\n")
    with pytest.raises(BuildError) as caught:
        log.read({"error": "The command '/bin/sh -c make' returned a non-zero code: 2"})
    assert str(caught.value) == (
        "the image's build failed at Step 2/3 : RUN make: it returned a non-zero code: 2. "
        "It said: no rule / stopped"
    )


def test_every_stage_gets_our_label() -> None:
    dockerfile = "ARG BASE\nFROM ${BASE} AS a\nRUN x\n\nfrom a\n  FROM b AS c\n# FROM d\n"
    assert build._FROM.sub(lambda line: line[0] + "|", dockerfile) == (
        "ARG BASE\nFROM ${BASE} AS a|\nRUN x\n\nfrom a|\n  FROM b AS c|\n# FROM d\n"
    )


def test_an_engine_that_is_gone(project: Path, tmp_path: Path) -> None:
    client = docker.DockerClient(f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(EngineError, match="the Docker engine stopped answering"):
        build.build(config.load(project / "harness.toml", {}), client, progress=print)


def test_the_wheel_is_the_same_bytes_for_the_same_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else the image's layers would be rebuilt for nothing. No network: hatchling is here."""
    wheels = []
    for place in ("one", "two"):
        root = tmp_path / place
        shutil.copytree(ROOT / "gam_model", root / "gam_model", copy_function=shutil.copy)
        (root / "container").mkdir()
        (root / "container/Dockerfile").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        settings = config.Settings(root=root)
        files = build.package(settings, context.Sources.read(root), print)
        assert files == build.package(settings, context.Sources.read(root), unexpected)
        ((name, wheel),) = files.items()
        wheels.append((name, wheel.read_bytes()))
    assert wheels[0] == wheels[1]
    assert wheels[0][0].startswith("wheels/gam_model-")


def test_a_package_that_cannot_be_built(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    (project / "gam_model/pyproject.toml").write_text("[project]\nname = 'gam-model'\n")
    with pytest.raises(BuildError, match="pip wheel"):
        build.package(config.Settings(root=project), context.Sources.read(project), print)
    assert list((project / "cache").rglob("*.whl")) == []


@pytest.mark.parametrize(
    ("here", "image_has", "fits"),
    [
        (("3.11", "x86_64", "2.36"), ("3.11", "x86_64", "2.36"), True),
        (("3.11", "x86_64", "2.9"), ("3.11", "x86_64", "2.36"), True),
        (("3.11", "x86_64", "2.39"), ("3.11", "x86_64", "2.36"), False),  # newer symbols
        (("3.13", "x86_64", "2.36"), ("3.11", "x86_64", "2.36"), False),
        (("3.11", "aarch64", "2.36"), ("3.11", "x86_64", "2.36"), False),
    ],
)
def test_where_wheels_may_be_made(
    here: tuple[str, str, str], image_has: tuple[str, str, str], fits: bool
) -> None:
    assert wheelhouse.Platform(*here).runs_wheels_for(wheelhouse.Platform(*image_has)) is fits


def test_a_requirement_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "requirements.txt").write_text("no-such-package==1\n")
    (tmp_path / "constraints.txt").write_text("")
    with pytest.raises(BuildError, match="No matching distribution found for no-such-package==1"):
        wheelhouse._wheel_here(tmp_path)


def test_pips_configuration_goes_into_the_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = https://index.invalid/simple\ncert = {authorities}\n"
        f"cache-dir = {tmp_path}\n"
    )
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")

    environment = wheelhouse._pip_environment()

    assert environment["PIP_INDEX_URL"] == "https://index.invalid/simple"
    assert environment["PIP_CERT"] == str(authorities)
    assert environment["https_proxy"] == "http://proxy.invalid:3128"
    assert "PIP_CACHE_DIR" not in environment  # a folder of this machine


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "middle", "old"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / ".new-of-a-killed-process").mkdir()
    wheelhouse.keep_newest(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "middle"}


@pytest.mark.parametrize(
    ("name", "repository", "tag"),
    [
        ("python:3.11", "python", "3.11"),
        ("python", "python", "latest"),
        ("localhost:5000/base", "localhost:5000/base", "latest"),
        ("localhost:5000/base:1", "localhost:5000/base", "1"),
    ],
)
def test_the_parts_of_an_image_name(name: str, repository: str, tag: str) -> None:
    split = base._split(name)
    assert (split[0], split[2]) == (repository, tag)
