"""The image that trains and serves, built of `container/` and gam_model.

The tag is the hash of everything that goes in, so that "is it built already?" is one question to
the engine. The build itself needs no network: the
wheelhouse has what it installs.
"""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from harness import locks
from harness.errors import BuildError, EngineError
from harness.image import base as base_image
from harness.image import wheelhouse
from harness.image.context import Sources, files_hash, tar_stream
from harness.image.debian import last_lines
from harness.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient
    from docker.models.images import Image

    from harness.config import Settings

    Progress = Callable[[str], None]

# Every layer of ours carries the first, so that nothing else is ever taken for ours.
NAME_LABEL = "harness.image"
HASH_LABEL = "harness.content-hash"

KEEP = 3  # what was used last, for going back and forth between a few
_KEEP_PACKAGES = 10
_SILENCE_SECONDS = 600  # how long a step of a build may say nothing
_FROM = re.compile(r"^[ \t]*FROM[ \t].*(?<!\\)$", re.IGNORECASE | re.MULTILINE)


class _CacheChangedError(BuildError):
    """An image was removed while the engine looked through the layers it has: it is asked again."""


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
            name = _name(settings, sources.content_hash(base))
            try:
                image, stages = _run_build(settings, client, files, name, progress)
            except _CacheChangedError:
                image, stages = _run_build(settings, client, files, name, progress)
            _tag_stages(settings, client, stages)
            prune(settings, client, keep=KEEP)
    return BuiltImage(name, image, time.monotonic() - start, built=True)


def clean(settings: Settings, client: DockerClient) -> list[str]:
    """`prune`, but not while a build is running: that does it, and needs its layers until then."""
    with locks.held_if_free("build") as free:
        return prune(settings, client) if free else []


def prune(settings: Settings, client: DockerClient, *, keep: int = KEEP) -> list[str]:
    """Remove our images that nothing uses, but for the last used `keep` and the base images.

    That is: tagged ones, and the layers that failed or superseded builds have left. An image that
    a container uses stays. Callers hold the lock of the build. Returns the tags that are gone.
    """
    name = settings.image.name
    ours = _images(client, name=name, filters={"label": HASH_LABEL})
    # Each use tags it again, see `_find`.
    ours.sort(key=lambda image: str(image.attrs["Metadata"]["LastTagTime"]), reverse=True)
    gone = []
    for image in ours[keep:]:
        for tag in image.tags:
            if tag.startswith(f"{name}:"):
                with suppress(APIError):  # a container uses it
                    client.images.remove(tag)
                    gone.append(tag)
    if keep == 0:
        for image in _images(client, name=_stages_name(settings)):
            for tag in image.tags:
                client.images.remove(tag)
    # One by one: the engine's own prune refuses while somebody else's is running.
    filters = {"dangling": True, "label": f"{NAME_LABEL}={name}"}
    for image in _images(client, filters=filters):
        # By its ID, the engine removes nothing that was pulled from two registries by digest.
        for each in image.attrs["RepoDigests"] or [str(image.id)]:
            with suppress(APIError):  # a container or a running build uses it
                client.images.remove(each)
    return gone


def _images(client: DockerClient, **wanted: Any) -> list[Image]:
    """`client.images.list`, which fails where somebody removes one while it looks at each."""
    found = []
    for each in client.api.images(**wanted):
        with suppress(ImageNotFound):
            found.append(client.images.get(each["Id"]))
    return found


def _name(settings: Settings, content_hash: str) -> str:
    return f"{settings.image.name}:{content_hash[:12]}"


def _stages_name(settings: Settings) -> str:
    return f"{settings.image.name}-stage"


def _base_name(settings: Settings) -> str:
    return base_image.TAG if settings.image.base == "auto" else settings.image.base


def _find(settings: Settings, client: DockerClient, sources: Sources) -> BuiltImage | None:
    base = base_image.image_id(client, _base_name(settings))
    if base is None:
        return None
    name = _name(settings, sources.content_hash(base))
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


def package(settings: Settings, sources: Sources, progress: Progress) -> dict[str, Path]:
    """gam_model's wheel for a build context, the same bytes for the same sources; no network."""
    if not sources.package:
        return {}
    folder = cache_folder() / "packages" / files_hash(sources.package)[:24]
    if not folder.is_dir():
        progress("building gam_model's wheel")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as new:
            options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
            source = settings.root / "gam_model"
            wheelhouse.pip("wheel", *options, "--wheel-dir", f"{new}/wheels", source, cwd=Path(new))
            Path(new, "wheels").rename(folder)
        wheelhouse.keep_newest(folder.parent, _KEEP_PACKAGES)
    return {f"wheels/{wheel.name}": wheel for wheel in folder.glob("*.whl")}


def _run_build(
    settings: Settings,
    client: DockerClient,
    files: dict[str, Path],
    name: str,
    progress: Progress,
) -> tuple[str, list[str]]:
    """The ID of the image, and those of the stages before the last."""
    label = f'LABEL {NAME_LABEL}="{settings.image.name}"'
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
        buildargs={"BASE_IMAGE": _base_name(settings)},
        labels={HASH_LABEL: name.rpartition(":")[2]},
        network_mode="none",
        timeout=_SILENCE_SECONDS,
    )
    reader = _BuildLog(progress)
    for entry in log:
        reader.read(entry)
    if reader.image is None:
        raise BuildError(f"the engine ended the build of {name} without an image.")
    return reader.image, reader.stages


class _BuildLog:
    """Follows the classic builder's output, where ` ---> ID` closes each step."""

    def __init__(self, progress: Progress) -> None:
        self.image: str | None = None
        self.stages: list[str] = []
        self._progress = progress
        self._step = ""
        self._said: list[str] = []
        self._shown = False
        self._layer: str | None = None

    def read(self, entry: dict[str, Any]) -> None:
        if "error" in entry:
            said = f" It said: {last_lines(chr(10).join(self._said))}" if self._said else ""
            at = f" at {self._step}" if self._step else ""
            # The step says already which command it was.
            reason = re.sub(r"^The command '.*' (?=returned)", "it ", entry["error"].strip())
            kind = _CacheChangedError if reason.startswith("unable to find image") else BuildError
            raise kind(f"the image's build failed{at}: {reason}.{said}")
        if "aux" in entry:
            self.image = entry["aux"].get("ID", self.image)
        text = entry.get("stream", "").rstrip()
        if text.startswith("Step "):
            if re.match(r"Step \S+ : FROM\s", text, re.IGNORECASE) and self._layer:
                self.stages.append(self._layer)
            self._step, self._said, self._shown = " ".join(text.split()), [], False
        elif text == " ---> Using cache":
            self._shown = True  # what takes no time needs no line
        elif text:
            if not self._shown:
                self._progress(self._step)
                self._shown = True
            if layer := re.fullmatch(r" ---> ([0-9a-f]{12,64})", text):
                self._layer = layer[1]
            elif not text.startswith((" ---> ", "Removing intermediate container ")):
                self._said.append(text)


def _tag_stages(settings: Settings, client: DockerClient, stages: list[str]) -> None:
    """A tag keeps a stage in the build cache, whoever prunes; the one it replaces is freed."""
    for number, image in enumerate(stages, start=1):
        client.api.tag(image, _stages_name(settings), str(number))


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
