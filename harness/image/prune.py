"""The removal of images of ours that were superseded."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, ImageNotFound

from harness import locks
from harness.image import names

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

    from harness.config.settings import Settings

KEEP = 3  # what was used last, for going back and forth between a few

LAYER_AGE = timedelta(days=1)
"""For so long layers without a tag may be a running build's, of another user or in another
container, which our lock doesn't hold off; or the cache of one that failed, and is tried again."""


def clean(settings: Settings, client: DockerClient) -> list[str]:
    """`prune`, but not while a build is running: that does it, and needs its layers until then."""
    with locks.held_if_free("build") as free:
        return prune(settings, client) if free else []


def prune(settings: Settings, client: DockerClient, *, keep: int = KEEP) -> list[str]:
    """Remove our images that nothing uses, but for the last used `keep` and the base images.

    That is: tagged ones of this project, and the layers that failed or killed builds of its name
    have left, once they are as old as `LAYER_AGE`; with `keep` 0, of any age. An image that a
    container uses stays. Callers hold the lock of the build. Returns the tags that are gone.
    """
    name = settings.image.name
    label = f"{names.PROJECT_LABEL}={names.project_id(settings.root)}"
    ours = _images(client, name=name, filters={"label": label})
    # Each use tags it again, see `build._find`.
    ours.sort(key=lambda image: str(image.attrs["Metadata"]["LastTagTime"]), reverse=True)
    gone = []
    for image in ours[keep:]:
        for tag in image.tags:
            if tag.startswith(f"{name}:"):
                with suppress(APIError):  # a container uses it
                    client.images.remove(tag)
                    gone.append(tag)
    if keep == 0:
        stages = names.stage_name(settings)
        for image in _images(client, name=stages):
            for tag in image.tags:
                if tag.startswith(f"{stages}:"):  # another project's may be the same image
                    client.images.remove(tag)
    # One by one: the engine's own prune refuses while somebody else's is running.
    filters = {"dangling": True, "label": f"{names.NAME_LABEL}={name}"}
    for image in _images(client, filters=filters):
        if keep and _age(image) < LAYER_AGE:
            continue
        # By its ID, the engine removes nothing that was pulled from two registries by digest.
        for each in image.attrs["RepoDigests"] or [str(image.id)]:
            with suppress(APIError):  # a container or a running build uses it
                client.images.remove(each)
    return gone


def _age(image: Image) -> timedelta:
    created = str(image.attrs.get("Created") or "0001-01-01T00:00:00Z")  # not of all is it known
    return datetime.now(UTC) - datetime.fromisoformat(created)


def _images(client: DockerClient, **wanted: Any) -> list[Image]:
    """`client.images.list`, which fails where somebody removes one while it looks at each."""
    found = []
    for each in client.api.images(**wanted):
        with suppress(ImageNotFound):
            found.append(client.images.get(each["Id"]))
    return found
