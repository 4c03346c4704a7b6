"""An image that keeps the contract, those made of it that break a rule, and their inputs."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import locks
from harness.check.inputs import Inputs
from harness.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

SOUND = "harness-check-sound:latest"


@pytest.fixture(scope="session")
def sound_image(docker_client: DockerClient, bare_image: str) -> str:
    """The image of tests/integration/check/image, which keeps every rule."""
    with locks.held("check-image", BuildError, progress=print):
        docker_client.images.build(
            path=str(Path(__file__).parent / "image"),
            tag=SOUND,
            buildargs={"BASE_IMAGE": bare_image},
            rm=True,
            forcerm=True,
        )
    return SOUND


@pytest.fixture
def image_with(
    docker_client: DockerClient, sound_image: str, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], str]]:
    """Builds an image of the sound one with more lines in its Dockerfile."""
    tag = f"harness-check-broken:{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())[:100]}"

    def build(lines: str) -> str:
        dockerfile = io.BytesIO(f"FROM {sound_image}\n{lines}\n".encode())
        docker_client.images.build(fileobj=dockerfile, tag=tag, rm=True, forcerm=True)
        return tag

    yield build
    if docker_client.images.list(tag):
        docker_client.images.remove(tag, force=True)


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """What the sound image trains on; and the request that the model answers."""
    file = tmp_path_factory.mktemp("train") / "numbers.csv"
    file.write_text("1\n2\n3\n")
    return Inputs({"train": file}, {"scale": "2.5"}, b"100\n", "text/csv")


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A model that is trained already, and the request that it answers."""
    file = tmp_path_factory.mktemp("model") / "model.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        content = json.dumps({"mean": 5.0}).encode()
        member = tarfile.TarInfo("model.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return Inputs(payload=b"100\n", content_type="text/csv", model=file)
