"""The images that no Dockerfile makes: what others are built from.

Each comes from a public registry where the engine reaches one, and is else made of Debian's own
packages. The choice is made once: its result keeps a tag of ours, and whoever removes that tag
has the choice made anew.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import DockerException, ImageNotFound

from harness import debian
from harness.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

SUITE = "bookworm"  # the Debian release whose Python is 3.11

_ASK_SECONDS = 10  # for the engine to say whether a registry has an image
_PULL_SECONDS = 1800


@dataclass(frozen=True)
class Source:
    """Where one of these images comes from, and the tag under which it stays."""

    tag: str
    public: str
    packages: tuple[str, ...]


BASE = Source(
    "harness-base:python3.11", "python:3.11-slim-bookworm", ("python3", "ca-certificates")
)
BUILDER = Source(
    "harness-builder:python3.11",
    "python:3.11-bookworm",
    ("python3-pip", "python3-dev", "gcc", "libc6-dev", "ca-certificates"),
)


def image_id(client: DockerClient, name: str) -> str | None:
    """The ID of a local image, or None where there is no such image."""
    try:
        return str(client.images.get(name).id)
    except ImageNotFound:
        return None


def ensure(client: DockerClient, source: Source, *, progress: Callable[[str], None] = print) -> str:
    """The ID of the image of that source; pulled or made where it isn't there yet.

    Raises:
        BuildError: it can neither be pulled nor made here.
    """
    if found := image_id(client, source.tag):
        return found
    if image_id(client, source.public) or _in_reach(client, source.public):
        if image_id(client, source.public) is None:
            pull(client, source.public, progress=progress)
        client.images.get(source.public).tag(source.tag)
    elif debian.can_bootstrap():
        _make(client, source, progress)
    else:
        raise BuildError(
            f"the image {source.public} can't be pulled by the Docker engine, and making one of "
            f"Debian's packages takes mmdebstrap (Debian, Ubuntu: `apt-get install mmdebstrap "
            f"debian-archive-keyring`); install that, pull the image by hand, or name one that is "
            f"there as `base` under [image] in harness.toml."
        )
    return str(client.images.get(source.tag).id)


def pull(client: DockerClient, name: str, *, progress: Callable[[str], None] = print) -> None:
    """Pull an image, with the credentials of the Docker command line where there are any.

    Raises:
        BuildError: the registry doesn't answer, or hasn't got it, or doesn't let us have it.
    """
    progress(f"pulling {name}")
    repository, _, tag = name.partition("@") if "@" in name else _split(name)
    deadline = time.monotonic() + _PULL_SECONDS
    try:
        for line in client.api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in line:
                raise BuildError(f"the image {name} can't be pulled: {line['error']}.")
            if time.monotonic() > deadline:
                raise BuildError(f"pulling {name} took longer than {_PULL_SECONDS} s.")
    except (DockerException, requests.RequestException) as error:
        reason = getattr(error, "explanation", None) or error
        raise BuildError(f"the image {name} can't be pulled: {reason}.") from error


def _split(name: str) -> tuple[str, str, str]:
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # no tag, though perhaps a registry's port
        return name, ":", "latest"
    return repository, colon, tag


def _in_reach(client: DockerClient, name: str) -> bool:
    """Ask the engine, not the network from here: it is the engine that would pull."""
    usual, client.api.timeout = client.api.timeout, _ASK_SECONDS
    try:
        client.images.get_registry_data(name)
    except (DockerException, requests.RequestException):
        return False
    finally:
        client.api.timeout = usual
    return True


def _make(client: DockerClient, source: Source, progress: Callable[[str], None]) -> None:
    progress(f"making {source.tag} of Debian's packages, as {source.public} is out of reach")
    machine, engine = debian.architecture(), client.version()["Arch"]
    if machine != engine:
        raise BuildError(
            f"the Docker engine runs {engine} and this machine is {machine}: pull "
            f"{source.public} on the engine, or name an image that it has as `base` under [image]."
        )
    try:
        with debian.bootstrap(SUITE, source.packages, progress=progress) as tar:
            repository, _, tag = _split(source.tag)
            changes = ["ENV LANG=C.UTF-8", 'CMD ["python3"]', "LABEL harness.tool=base_image"]
            with tar.open("rb") as content:
                said = client.api.import_image(
                    content, repository=repository, tag=tag, changes=changes
                )
    except debian.DebianError as error:
        raise BuildError(f"{source.tag} can't be made: {error}") from error
    if "error" in (outcome := _last(said)):
        raise BuildError(f"{source.tag} can't be imported: {outcome['error']}.")


def _last(said: str) -> dict[str, Any]:
    return dict(json.loads(said.strip().splitlines()[-1]))
