"""pytest fixtures: a local AWS, a session on it, and the project's image.

Installing the harness is enough for pytest to find them. Everything lives as long as the test
session and is imported by its first use only.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

    from harness.config.settings import Settings
    from harness.image.build import BuiltImage
    from harness.local.aws import LocalAWS
    from harness.session import LocalSession


@pytest.fixture(scope="session")
def harness_settings() -> Settings:
    """The settings of the nearest harness.toml, on the local target."""
    from harness.config import loading

    return loading.load().model_copy(update={"target": "local"})


@pytest.fixture(scope="session")
def local_aws(harness_settings: Settings) -> Iterator[LocalAWS]:
    """A running local AWS; `local_aws.url` is its endpoint URL."""
    from harness.local.aws import LocalAWS

    local = harness_settings.local
    with LocalAWS(harness_settings.region, local.account_id, registry=local.registry) as server:
        yield server


@pytest.fixture(scope="session")
def local_session(local_aws: LocalAWS, harness_settings: Settings) -> LocalSession:
    """A SageMaker SDK session on `local_aws`, for whatever takes a `sagemaker_session`."""
    from harness.session import LocalSession

    return LocalSession(
        default_bucket=harness_settings.local.bucket,
        endpoint_url=local_aws.url,
        region_name=local_aws.region,
    )


@pytest.fixture(scope="session")
def docker_client() -> Iterator[DockerClient]:
    """A client of the Docker engine, which is set up if that is possible."""
    from harness.image import docker_engine

    client = docker_engine.ensure(_say)
    yield client
    client.close()


@pytest.fixture(scope="session")
def gam_image(harness_settings: Settings, docker_client: DockerClient) -> BuiltImage:
    """The project's image, built unless it is there already."""
    from harness.image import build

    return build.build(harness_settings, docker_client, progress=_say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
