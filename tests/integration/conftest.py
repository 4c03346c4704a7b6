"""A local AWS for the whole run, and the probe image that misbehaves as it is told."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import locks
from harness.errors import BuildError
from harness.image import base
from harness.image.build import build
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.integration.support import AWS, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from harness.config.settings import Settings
    from harness.image.build import BuiltImage

PROBE = Path(__file__).parent / "probe"


@pytest.fixture(scope="session")
def local_aws(harness_settings: Settings) -> Iterator[LocalAWS]:
    """A local AWS in this very process, in which tests can look and change things."""
    local = harness_settings.local
    with LocalAWS(harness_settings.region, local.account_id, registry=local.registry) as server:
        yield server


@pytest.fixture(scope="session")
def gam_image(harness_settings: Settings, docker_client: DockerClient) -> BuiltImage:
    """The project's image, built unless it is there already."""
    return build(harness_settings, docker_client, progress=print)


@pytest.fixture(scope="session")
def bare_image(docker_client: DockerClient) -> str:
    """An image with a Python and nothing that trains or serves."""
    if base.image_id(docker_client, base.TAG) is None:  # else no build is waited for
        # Other workers of pytest-xdist need it, too.
        with locks.held("build", BuildError, progress=print):
            base.ensure(docker_client)
    return base.TAG


@pytest.fixture(scope="session")
def probe_image(docker_client: DockerClient, bare_image: str) -> str:
    """The image of tests/integration/probe."""
    with locks.held("build", BuildError, progress=print):
        image, _ = docker_client.images.build(
            path=str(PROBE), buildargs={"BASE_IMAGE": bare_image}, rm=True, forcerm=True
        )
        # Another checkout's tests may run on the same engine, with another probe.
        tag = str(image.id).rpartition(":")[2][:12]
        image.tag("harness-probe", tag)
    return f"harness-probe:{tag}"


@pytest.fixture(scope="session")
def aws(local_aws: LocalAWS, docker_client: DockerClient) -> AWS:
    session = local_boto_session(local_aws.url, local_aws.region)
    return AWS(session, docker_client, bucket=f"tests-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Names:
    return Names(request.node.name)


@pytest.fixture
def create(aws: AWS, names: Names, probe_image: str) -> Callable[..., str]:
    """Creates a training job on the probe image; members given are merged into the request."""

    def create(probe: str = "", **members: Any) -> str:
        name = members.pop("TrainingJobName", names.new("job"))
        algorithm = {
            "TrainingImage": probe_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "probe:r2", "Regex": "probe:r2=([0-9.]+);"}],
        }
        own = {"AlgorithmSpecification": algorithm, "Environment": {"PROBE": probe}}
        aws.create_training_job(name, probe_image, **{**own, **members})
        return name

    return create
