"""What a newcomer has: a project that goes wrong, the commands, and what they are told.

`told` holds each text against messages.toml, of which docs/troubleshooting.md is made.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import locks
from harness.errors import BuildError
from harness.image import base
from harness.local.core.client import local_boto_session
from tests import forked

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    import boto3
    from docker import DockerClient

    from harness.local.aws import LocalAWS

HERE = Path(__file__).parent
MESSAGES: dict[str, dict[str, str]] = {
    each["id"]: each for each in tomllib.loads((HERE / "messages.toml").read_text())["message"]
}

PROJECT = """\
[image]
{image}

[channels.train]
source = "rows.csv"

[requests.test]
source = "rows.csv"
target = "price"

[metrics]
scores = ["r2"]

[thresholds]
test_r2 = -1e6
"""


def pattern(says: str) -> str:
    """A regular expression for a message, in which … stands for anything."""
    words = [re.escape(part) for part in " ".join(says.split()).split("…")]
    return ".*?".join(words)


def hold(name: str, text: str) -> None:
    """Fail unless the text has the message of that name and, where it has one, the hint."""
    message, said = MESSAGES[name], " ".join(text.split())
    assert re.search(pattern(message["says"]), said), f"{message['says']}\n\nis not in\n\n{text}"
    if "hint" in message:
        hint = f"what to do: {message['hint']}."
        assert re.search(pattern(hint), said), f"{hint}\n\nis not in\n\n{text}"
    assert "Traceback (most recent call last):\n  File" not in _ours(text), text


def _ours(text: str) -> str:
    """What isn't a container's."""
    return "\n".join(line for line in text.splitlines() if "  | " not in line)


@pytest.fixture
def told() -> Callable[[str, str], None]:
    return hold


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A shell that knows no AWS."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    named = {name: value for name, value in os.environ.items() if name.startswith(("DOCKER_",))}
    return {
        **kept,
        **named,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def harness(
    tmp_path: Path, environ: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `harness` in the project's folder, or in an empty one."""
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "home").mkdir()

    def harness(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {**environ, **variables}
        return forked.run(arguments, cwd=str(folder), env=env, timeout=280)

    return harness


@pytest.fixture
def project(tmp_path: Path, harness: object) -> Callable[..., Path]:
    """Writes a project's files, with what its harness.toml has besides; returns its folder."""

    def project(more: str = "", *, image: str = "", **files: str) -> Path:
        folder = tmp_path / "project"
        files = {"rows.csv": "size,price\n1,2\n2,3\n3,4\n", **files}
        (folder / "harness.toml").write_text(PROJECT.format(image=image) + more)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
        return folder

    return project


@pytest.fixture
def run(
    harness: Callable[..., subprocess.CompletedProcess[str]],
    local_aws: LocalAWS,
    project: Callable[..., Path],
    wrong_image: str,
) -> Callable[..., str]:
    """`harness run` of a project whose container makes that mistake; returns what it says."""

    def run(
        *, train: str = "", serve: str = "", more: str = "", passes: bool = False, seconds: int = 60
    ) -> str:
        project(
            f'[training]\nenvironment = {{ WRONG = "{train}" }}\nmax_runtime_seconds = {seconds}\n'
            f'[endpoint]\nenvironment = {{ WRONG = "{serve}" }}\n{more}',
            image=f'uri = "{wrong_image}"',
        )
        ran = harness("run", HARNESS_LOCAL_ENDPOINT_URL=local_aws.url)
        assert ran.returncode == (0 if passes else 1), ran.stderr
        return ran.stdout + ran.stderr

    return run


@pytest.fixture(scope="session")
def boto(local_aws: LocalAWS) -> boto3.Session:
    return local_boto_session(local_aws.url, local_aws.region)


@pytest.fixture(scope="session")
def bare_image(docker_client: DockerClient) -> str:
    """An image with a Python and nothing that trains or serves."""
    with locks.held("build", BuildError, progress=print):
        base.ensure(docker_client)
    return base.TAG


@pytest.fixture(scope="session")
def wrong_image(docker_client: DockerClient, bare_image: str) -> str:
    """The image of tests/errors/image, which goes wrong as WRONG says."""
    with locks.held("build", BuildError, progress=print):
        image, _ = docker_client.images.build(
            path=str(HERE / "image"), buildargs={"BASE_IMAGE": bare_image}, rm=True, forcerm=True
        )
        # Another checkout's tests may run on the same engine, with another one.
        tag = str(image.id).rpartition(":")[2][:12]
        image.tag("harness-wrong", tag)
    return f"harness-wrong:{tag}"


def last_lines(text: str) -> list[str]:
    """Those of the container that an error ends with."""
    found = text.partition("the container's last lines:\n")[2].splitlines()
    return [line.removeprefix("  | ") for line in found if line.startswith("  | ")]
