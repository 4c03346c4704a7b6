"""The way of the image to ECR, where SageMaker takes it from: pushed once, named by its digest."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness import locks
from harness.aws_model.instance_types import architecture
from harness.errors import ConfigError, PushError
from harness.image.ecr.repository import Repository
from harness.image.ecr.upload import engine_errors, upload
from harness.image.names import tag_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3
    from docker import DockerClient

    from harness.config.settings import Settings
    from harness.image.build import BuiltImage

    Progress = Callable[[str], None]


@dataclass(frozen=True)
class Pushed:
    """An image in ECR. `repository` is its URI; `seconds` is 0.0 where nothing was `pushed`."""

    repository: str
    digest: str
    pushed: bool
    seconds: float

    @property
    def name(self) -> str:
        """By digest, as SageMaker takes it: no tag can come to mean another image."""
        return f"{self.repository}@{self.digest}"


def push(
    settings: Settings,
    boto: boto3.Session,
    docker: DockerClient,
    built: BuiltImage,
    *,
    progress: Progress = print,
) -> str:
    """As `ensure`; returns the image's name by digest."""
    return ensure(settings, boto, docker, built, progress=progress).name


def ensure(
    settings: Settings,
    boto: boto3.Session,
    docker: DockerClient,
    built: BuiltImage,
    *,
    progress: Progress = print,
) -> Pushed:
    """See to it that `built` is in the ECR repository of `[aws] repository`; what is, isn't sent.

    The repository is created where it is missing. The tag is that of `built`, which is a hash of
    what went in; two builds of that are still two images, so that where the tag stands for other
    bits, this one gets a tag with its own ID added. What SageMaker will run is what was built: the
    manifest in ECR names the same configuration, by its digest.

    Raises:
        PushError: ECR, the registry or the engine refused; the sentence says what to do.
        ConfigError: the configured instance types take images of two architectures.
        EngineError: the engine stopped answering.
    """
    start = time.monotonic()
    _check_architecture(settings, docker, built)
    repository = Repository(boto.client("ecr", region_name=settings.region), settings, built)
    uri = repository.ensure(progress)
    tag = tag_of(built.name)
    for each in (tag, f"{tag}-{built.id.removeprefix('sha256:')[:12]}"):
        found, sent = repository.find(imageTag=each), False
        if found is None:
            with locks.held("push", PushError, progress=progress):
                found = repository.find(imageTag=each)  # another process was faster
                if found is None:
                    found, sent = upload(docker, repository, uri, each, progress)
        if built.id in (found.config, found.digest):
            seconds = time.monotonic() - start if sent else 0.0
            return Pushed(uri, found.digest, sent, seconds)
        progress(f"{uri}:{each} is another build of the same files")
    raise PushError(
        f"{built.name} can't be pushed: both of its tags in {uri} stand for other images; delete "
        f"them with `aws ecr batch-delete-image --region {settings.region} --repository-name "
        f"{settings.aws.repository} --image-ids imageTag={each}`, and push again."
    )


def _check_architecture(settings: Settings, docker: DockerClient, built: BuiltImage) -> None:
    training, endpoint = settings.training.instance_type, settings.endpoint.instance_type
    needed = architecture(training)
    if needed != architecture(endpoint):
        raise ConfigError(
            f"training.instance_type {training} takes {needed} images and endpoint.instance_type "
            f"{endpoint} {architecture(endpoint)} ones: choose two of one architecture, as one "
            "image has to run on both."
        )
    with engine_errors(built.name):
        image: dict[str, Any] = docker.api.inspect_image(built.id)  # type: ignore[no-untyped-call]
    platform = f"{image['Os']}/{image['Architecture']}"
    if platform != f"linux/{needed}":
        raise PushError(
            f"{built.name} is for {platform}, and {training} runs linux/{needed}: build it with a "
            f"Docker engine on such a machine (DOCKER_HOST), or choose instance types of "
            f"{image['Architecture']} under [training] and [endpoint]."
        )
