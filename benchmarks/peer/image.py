"""Builds the peer's image: its wheels come as those of ours do, nginx from Debian."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness import locks
from harness.errors import BuildError
from harness.image import base as base_image
from harness.image.context import Sources, files_below, files_hash, tar_stream
from harness.image.wheels import wheelhouse
from harness.image.wheels.package import packages

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

    from harness.config.settings import Settings

_FOLDER = Path(__file__).parent
_FILES = ("Dockerfile", "requirements.txt", "peer_app.py")
_SILENCE_SECONDS = 600
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def build(settings: Settings, client: DockerClient, *, progress: Callable[[str], None]) -> str:
    """The image's name; it is built where it isn't there yet, for which it takes the network.

    Raises:
        BuildError: a package can't be had, or a step of the Dockerfile failed.
    """
    files = {name: _FOLDER / name for name in _FILES}
    code = files_below(settings.root / "container" / "code")
    files |= {f"code/{name}": path for name, path in code.items()}
    base = base_image.ensure(client, progress=progress)
    wheels = packages(Sources.read(settings.root, settings.image), progress)
    name = f"harness-peer:{files_hash({**files, **wheels})[:12]}"
    if base_image.image_id(client, name) is not None:
        return name
    with locks.held("build", BuildError, progress=progress):
        folder = wheelhouse.ensure(
            files["requirements.txt"],
            None,
            base,
            client,
            dependencies=False,
            progress=progress,
        )
    files |= wheels
    files |= {f"wheelhouse/{wheel.name}": wheel for wheel in folder.glob("*.whl")}
    progress(f"building {name}")
    proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    for entry in client.api.build(
        fileobj=tar_stream(files),  # type: ignore[arg-type]  # requests sends any iterable
        custom_context=True,
        decode=True,
        tag=name,
        rm=True,
        forcerm=True,
        buildargs={"BASE_IMAGE": base_image.TAG, **proxies},
        network_mode="host",
        timeout=_SILENCE_SECONDS,
    ):
        if "error" in entry:
            raise BuildError(f"the peer's image can't be built: {entry['error'].strip()}.")
    return name
