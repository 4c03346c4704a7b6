"""The image that ours is built on.

It comes from a public registry where the engine reaches one, and is else made of Debian's own
packages. The choice is made once: its result keeps a tag of ours, and whoever removes that tag
has the choice made anew.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import DockerException, ImageNotFound

from harness.errors import BuildError
from harness.image import debian

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

TAG = "harness-base:python3.11"
PUBLIC = "python:3.11-slim-bookworm"
SUITE = "bookworm"  # the Debian release whose Python is 3.11
PACKAGES = ("python3", "ca-certificates")

_ASK_SECONDS = 10  # for the engine to say whether a registry has an image
_PULL_SECONDS = 1800


def image_id(client: DockerClient, name: str) -> str | None:
    """The ID of a local image, or None where there is no such image."""
    try:
        return str(client.images.get(name).id)
    except ImageNotFound:
        return None


def ensure(client: DockerClient, *, progress: Callable[[str], None] = print) -> str:
    """The ID of the image under `TAG`, which is pulled or made where it isn't there yet.

    Raises:
        BuildError: it can neither be pulled nor made here.
    """
    if found := image_id(client, TAG):
        return found
    if image_id(client, PUBLIC):
        client.images.get(PUBLIC).tag(TAG)
    elif _in_reach(client, PUBLIC):
        pull(client, PUBLIC, progress=progress)
        client.images.get(PUBLIC).tag(TAG)
    elif debian.can_bootstrap():
        _make(client, progress)
    else:
        raise BuildError(
            f"the image {PUBLIC} can't be pulled by the Docker engine, and making one of Debian's "
            f"packages takes mmdebstrap (Debian, Ubuntu: `apt-get install mmdebstrap "
            f"debian-archive-keyring`); install that, pull the image by hand, or name one that is "
            f"there as `base` under [image] in harness.toml."
        )
    return str(client.images.get(TAG).id)


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
                raise BuildError(_no_image(name, line["error"]))
            if time.monotonic() > deadline:
                raise BuildError(f"pulling {name} took longer than {_PULL_SECONDS} s.")
    except (DockerException, requests.RequestException) as error:
        reason = getattr(error, "explanation", None) or error
        raise BuildError(_no_image(name, reason)) from error


def _no_image(name: str, reason: object) -> str:
    return (
        f"the image {name} can't be pulled: {str(reason).strip().rstrip('.')}. Check its name: "
        "`docker images` lists those on this machine, which need no registry."
    )


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


def _make(client: DockerClient, progress: Callable[[str], None]) -> None:
    progress(f"making {TAG} of Debian's packages, as {PUBLIC} is out of reach")
    machine, engine = debian.architecture(), client.version()["Arch"]
    if machine != engine:
        raise BuildError(
            f"the Docker engine runs {engine} and this machine is {machine}: pull "
            f"{PUBLIC} on the engine, or name an image that it has as `base` under [image]."
        )
    try:
        with debian.bootstrap(SUITE, PACKAGES, progress=progress) as tar:
            repository, _, tag = _split(TAG)
            changes = ["ENV LANG=C.UTF-8", 'CMD ["python3"]', "LABEL harness.tool=base_image"]
            said = client.api.import_image(tar, repository=repository, tag=tag, changes=changes)
    except debian.DebianError as error:
        raise BuildError(f"{TAG} can't be made: {error}") from error
    if "error" in (outcome := _last(said)):
        raise BuildError(f"{TAG} can't be imported: {outcome['error']}.")


def _last(said: str) -> dict[str, Any]:
    return dict(json.loads(said.strip().splitlines()[-1]))
