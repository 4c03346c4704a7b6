"""A local AWS for the whole run, and the probe image that misbehaves as it is told."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import base_image
from harness.local.client import local_boto_session
from tests.integration.support import AWS, Names

if TYPE_CHECKING:
    from docker import DockerClient

    from harness.local import LocalAWS

PROBE = Path(__file__).parent / "probe"


@pytest.fixture(scope="session")
def bare_image(docker_client: DockerClient) -> str:
    """An image with a Python and nothing that trains or serves."""
    base_image.ensure(docker_client)
    return base_image.TAG


@pytest.fixture(scope="session")
def probe_image(docker_client: DockerClient, bare_image: str) -> str:
    """The image of tests/integration/probe."""
    tag = "harness-probe:latest"
    docker_client.images.build(
        path=str(PROBE), tag=tag, buildargs={"BASE_IMAGE": bare_image}, rm=True, forcerm=True
    )
    return tag


@pytest.fixture(scope="session")
def aws(local_aws: LocalAWS, docker_client: DockerClient) -> AWS:
    session = local_boto_session(local_aws.url, local_aws.region)
    return AWS(session, docker_client, bucket=f"tests-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Names:
    return Names(request.node.name)
