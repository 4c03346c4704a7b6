"""The image that trains and serves, built of a folder with a Dockerfile.

The tag is the hash of everything that goes in, so that "is it built already?" is one question to
the engine. The build itself needs no network: the wheelhouse has what it installs.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from harness import locks
from harness.errors import BuildError, EngineError
from harness.image import base as base_image
from harness.image import names
from harness.image.build_log import BuildLog, CacheChangedError
from harness.image.context import BASE_ARG, Sources, tar_stream
from harness.image.prune import prune
from harness.image.wheels import wheelhouse
from harness.image.wheels.package import packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

    from harness.config.settings import Settings

    Progress = Callable[[str], None]

_NO_REGISTRY = (
    f"Or begin the Dockerfile with `ARG {BASE_ARG}` and `FROM ${{{BASE_ARG}}}`: that is a base "
    "with Python 3.11, which needs no registry."
)

_SILENCE_SECONDS = 600  # how long a step of a build may say nothing
_FROM = re.compile(r"^[ \t]*FROM[ \t].*(?<!\\)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class BuiltImage:
    """`name` is repository and tag, `id` the engine's; `seconds` is 0.0 where not `built`."""

    name: str
    id: str
    seconds: float
    built: bool


def build(
    settings: Settings, client: DockerClient, *, progress: Callable[[str], None] = print
) -> BuiltImage:
    """The project's image as its files are now, built where it isn't there yet.

    Where `image.uri` names one that exists, it is that one, pulled if it isn't here.

    Raises:
        BuildError: the base image, a wheel or a step of the Dockerfile failed.
        EngineError: the engine stopped answering.
    """
    start = time.monotonic()
    if settings.image.uri:
        return _existing(settings.image.uri, client, progress)
    sources = Sources.read(settings.root, settings.image)
    with _explained():
        if found := _find(settings, client, sources):
            return found
        from harness.local.engine import sessions  # nothing may have to be built

        with locks.held("build", BuildError, progress=progress):
            sessions.clean(client)  # what killed processes of ours had started to fetch wheels
            base = _ensure_base(sources, client, progress)
            if found := _find(settings, client, sources):  # another process was faster
                return found
            files: dict[str, Path] = dict(sources.context)
            files |= _wheelhouse(sources, base, client, progress)
            files |= packages(sources, progress)
            name = names.image_name(settings, sources.content_hash(base))
            try:
                image, stages = _run_build(settings, client, sources, files, name, progress)
            except CacheChangedError:
                image, stages = _run_build(settings, client, sources, files, name, progress)
            _keep_house(settings, client, stages, progress)
    return BuiltImage(name, image, time.monotonic() - start, built=True)


def _existing(name: str, client: DockerClient, progress: Progress) -> BuiltImage:
    """The image of that name, which somebody else has built."""
    with _explained():
        found = base_image.image_id(client, name)
        if found is None:
            base_image.pull(client, name, progress=progress)
            found = str(client.images.get(name).id)
    return BuiltImage(name, found, 0.0, built=False)


def _base_name(sources: Sources) -> str:
    """The image that it is built on, as far as that decides what is in it."""
    return names.base_name(sources.image) if sources.takes_base else sources.first_base


def _find(settings: Settings, client: DockerClient, sources: Sources) -> BuiltImage | None:
    base = _base_id(client, _base_name(sources))
    if base is None:
        return None
    name = names.image_name(settings, sources.content_hash(base))
    image = base_image.image_id(client, name)
    if image is None:
        return None
    try:
        # It is in use: other builds are to keep it.
        client.api.tag(image, settings.image.name, name.rpartition(":")[2])
    except ImageNotFound:  # one of them has just removed it
        return None
    return BuiltImage(name, image, 0.0, built=False)


def _base_id(client: DockerClient, name: str) -> str | None:
    """The ID of a base image; `scratch` is none, and is always there."""
    return name if name == "scratch" else base_image.image_id(client, name)


def _ensure_base(sources: Sources, client: DockerClient, progress: Progress) -> str:
    if sources.takes_base and sources.image.base == "auto":
        return base_image.ensure(client, progress=progress)
    name = _base_name(sources)
    found = _base_id(client, name)
    if found is None:
        try:
            base_image.pull(client, name, progress=progress)
        except BuildError as error:
            if sources.takes_base:
                raise
            raise BuildError(f"{error} {_NO_REGISTRY}") from error
        found = str(client.images.get(name).id)
    return found


def _wheelhouse(
    sources: Sources, base: str, client: DockerClient, progress: Progress
) -> dict[str, Path]:
    """The wheels of `image.requirements` by their paths in the context."""
    if sources.requirements is None:
        return {}
    folder = wheelhouse.ensure(
        sources.requirements, sources.constraints, base, client, progress=progress
    )
    return {f"wheelhouse/{wheel.name}": wheel for wheel in folder.glob("*.whl")}


def _run_build(
    settings: Settings,
    client: DockerClient,
    sources: Sources,
    files: dict[str, Path],
    name: str,
    progress: Progress,
) -> tuple[str, list[str]]:
    """The ID of the image, and those of the stages before the last."""
    image = settings.image
    label = f'LABEL {names.NAME_LABEL}="{image.name}"'
    dockerfile = _FROM.sub(lambda line: f"{line[0]}\n{label}", sources.dockerfile)
    by_wheels = image.network == "auto" and sources.requirements is not None
    offline = image.network == "none" or by_wheels
    base = {BASE_ARG: names.base_name(image)} if sources.takes_base else {}
    progress(f"building {name}")
    sent = {**files, sources.dockerfile_name: dockerfile.encode(errors="surrogateescape")}
    log = client.api.build(
        # docker-py hands it to requests as it is, which sends any iterable in chunks.
        fileobj=tar_stream(sent),  # type: ignore[arg-type]
        custom_context=True,
        decode=True,
        dockerfile=sources.dockerfile_name,
        tag=name,
        rm=True,
        forcerm=True,
        target=image.target or None,
        buildargs={**base, **image.build_args},
        labels={
            names.HASH_LABEL: name.rpartition(":")[2],
            names.PROJECT_LABEL: names.project_id(settings.root),
        },
        network_mode="none" if offline else None,
        timeout=_SILENCE_SECONDS,
    )
    reader = BuildLog(progress, offline=by_wheels)
    for entry in log:
        reader.read(entry)
    if reader.image is None:
        raise BuildError(f"the engine ended the build of {name} without an image.")
    return reader.image, reader.stages


def _keep_house(
    settings: Settings, client: DockerClient, stages: list[str], progress: Progress
) -> None:
    """Keep the stages, and remove what newer images have replaced. No build fails for that."""
    try:
        _tag_stages(settings, client, stages)
        prune(settings, client)
    except (DockerException, requests.RequestException, OSError) as error:
        progress(f"older images were left where they are; the engine says: {error}")


def _tag_stages(settings: Settings, client: DockerClient, stages: list[str]) -> None:
    """A tag keeps a stage in the build cache, whoever prunes; the one it replaces goes."""
    for number, image in enumerate(stages, start=1):
        repository, tag = names.stage_name(settings), str(number)
        before = base_image.image_id(client, f"{repository}:{tag}")
        client.api.tag(image, repository, tag)
        with suppress(APIError):  # a build or a container uses it, or it is gone
            if before and not client.images.get(before).tags:
                client.images.remove(before)


@contextmanager
def _explained() -> Iterator[None]:
    """The engine's refusals and silences in our words."""
    try:
        yield
    except APIError as error:
        raise BuildError(f"the Docker engine refused: {error.explanation or error}.") from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineError(
            f"the Docker engine stopped answering ({error}); `harness doctor` tells how it is."
        ) from error
