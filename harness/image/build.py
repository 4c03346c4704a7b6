"""The image that trains and serves, built of `container/` and gam_model.

The tag is the hash of everything that goes in, so that "is it built already?" is one question to
the engine. The build itself needs no network: the wheelhouse has what it installs.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from harness import locks
from harness.errors import BuildError, EngineError
from harness.image import base as base_image
from harness.image import names
from harness.image.build_log import BuildLog, CacheChangedError
from harness.image.context import Sources, tar_stream
from harness.image.prune import prune
from harness.image.wheels import wheelhouse
from harness.image.wheels.package import package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

    from harness.config import Settings

    Progress = Callable[[str], None]

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
    """The image of `container/` and `gam_model/` as they are now, built where it isn't there yet.

    Raises:
        BuildError: the base image, a wheel or a step of the Dockerfile failed.
        EngineError: the engine stopped answering.
    """
    start = time.monotonic()
    sources = Sources.read(settings.root)
    with _explained():
        if found := _find(settings, client, sources):
            return found
        from harness.local.engine import sessions  # nothing may have to be built

        with locks.held("build", BuildError, progress=progress):
            sessions.clean(client)  # what killed processes of ours had started to fetch wheels
            base = _ensure_base(settings, client, progress)
            if found := _find(settings, client, sources):  # another process was faster
                return found
            files = dict(sources.container)
            files |= _wheelhouse(sources, base, client, progress)
            files |= package(settings, sources, progress)
            name = names.image_name(settings, sources.content_hash(base))
            try:
                image, stages = _run_build(settings, client, files, name, progress)
            except CacheChangedError:
                image, stages = _run_build(settings, client, files, name, progress)
            _tag_stages(settings, client, stages)
            prune(settings, client)
    return BuiltImage(name, image, time.monotonic() - start, built=True)


def _find(settings: Settings, client: DockerClient, sources: Sources) -> BuiltImage | None:
    base = base_image.image_id(client, names.base_name(settings))
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


def _ensure_base(settings: Settings, client: DockerClient, progress: Progress) -> str:
    if settings.image.base == "auto":
        return base_image.ensure(client, progress=progress)
    name = settings.image.base
    if base_image.image_id(client, name) is None:
        base_image.pull(client, name, progress=progress)
    return str(client.images.get(name).id)


def _wheelhouse(
    sources: Sources, base: str, client: DockerClient, progress: Progress
) -> dict[str, Path]:
    requirements = sources.container.get("requirements.txt")
    if requirements is None:
        return {}
    folder = wheelhouse.ensure(
        requirements, sources.container.get("constraints.txt"), base, client, progress=progress
    )
    return {f"wheelhouse/{wheel.name}": wheel for wheel in folder.glob("*.whl")}


def _run_build(
    settings: Settings,
    client: DockerClient,
    files: dict[str, Path],
    name: str,
    progress: Progress,
) -> tuple[str, list[str]]:
    """The ID of the image, and those of the stages before the last."""
    label = f'LABEL {names.NAME_LABEL}="{settings.image.name}"'
    dockerfile = _FROM.sub(lambda line: f"{line[0]}\n{label}", files["Dockerfile"].read_text())
    progress(f"building {name}")
    log = client.api.build(
        # docker-py hands it to requests as it is, which sends any iterable in chunks.
        fileobj=tar_stream({**files, "Dockerfile": dockerfile.encode()}),  # type: ignore[arg-type]
        custom_context=True,
        decode=True,
        tag=name,
        rm=True,
        forcerm=True,
        buildargs={"BASE_IMAGE": names.base_name(settings)},
        labels={names.HASH_LABEL: name.rpartition(":")[2]},
        network_mode="none",
        timeout=_SILENCE_SECONDS,
    )
    reader = BuildLog(progress)
    for entry in log:
        reader.read(entry)
    if reader.image is None:
        raise BuildError(f"the engine ended the build of {name} without an image.")
    return reader.image, reader.stages


def _tag_stages(settings: Settings, client: DockerClient, stages: list[str]) -> None:
    """A tag keeps a stage in the build cache, whoever prunes; the one it replaces is freed."""
    for number, image in enumerate(stages, start=1):
        client.api.tag(image, names.stages_name(settings), str(number))


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
