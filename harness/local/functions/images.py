"""The image that a function of Lambda's runs in, and how it is run there."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from harness.local.engine import inspection
from harness.local.engine.errors import ImageError
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from harness.local.engine.containers import Containers

_log = logging.getLogger(__name__)

VARIABLE = "MOTO_DOCKER_LAMBDA_IMAGE"
"""Names the image of all functions, as moto has it; without a tag, its tag is the runtime."""

BASE, BASE_VERSION = "harness-base:python", "3.11"
"""What the base image of projects is called, and the Python that it has."""


class Image(NamedTuple):
    """`name` is on this machine."""

    name: str
    is_bare: bool
    """Whether it has only a Python; else it runs functions itself, with the handler and the event
    as arguments, and their result is the last line of its output."""


class Images:
    """Finds the images of functions, for one local AWS."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._failed: dict[str, str] = {}
        """Why an image can't be pulled, where there is another one instead."""

    def find(self, runtime: str) -> Image:
        """The image for a runtime: `python3.11`.

        That which `VARIABLE` names; else what is on this machine: one of those that moto looks for,
        or for Python any that has this Python. Else the first of those is pulled; where that can't
        be, Python functions run in 3.11, if that is there, and the log says so.

        Raises:
            AwsError: there is none.
        """
        if given := os.environ.get(VARIABLE):
            name = given if ":" in given else f"{given}:{runtime}"
            if (why := self._missing(name)) is not None:
                raise _refusal(runtime, f"{VARIABLE} names {name}, which can't be pulled: {why}")
            return Image(name, is_bare=False)
        language, version = _parts(runtime)
        first = f"shogo82148/lambda-{language}:{version}"
        for name in (first, f"mlupin/docker-lambda:{runtime}", f"lambci/lambda:{runtime}"):
            if inspection.has_image(self._containers.api, name):
                return Image(name, is_bare=False)
        is_python = language == "python"
        if is_python and (bare := self._bare(version)):
            return Image(bare, is_bare=True)
        if (why := self._failed.get(first) or self._missing(first)) is None:
            return Image(first, is_bare=False)
        other = self._bare(BASE_VERSION) if is_python else None
        if other is None:
            raise _refusal(runtime, f"{first} can't be pulled: {why}")
        self._failed[first] = why
        _log.warning("a function of the runtime %s runs in %s: %s can't be pulled: %s", runtime,
                     other, first, why)  # fmt: skip
        return Image(other, is_bare=True)

    def _bare(self, version: str) -> str | None:
        """An image on this machine that has a Python."""
        names = f"python:{version}-slim-bookworm", f"python:{version}", f"{BASE}{version}"
        api = self._containers.api
        return next((name for name in names if inspection.has_image(api, name)), None)

    def _missing(self, name: str) -> str | None:
        """Why the image is neither here nor can be pulled; None if it is here now."""
        try:
            self._containers.require_image(name)
        except ImageError as error:
            return str(error)
        return None


def _parts(runtime: str) -> tuple[str, str]:
    """`nodejs20.x` → nodejs, 20.x."""
    at = re.search(r"[0-9]", runtime)
    return (runtime[: at.start()], runtime[at.start() :]) if at else (runtime, "latest")


def _refusal(runtime: str, why: str) -> AwsError:
    return AwsError(
        "InvalidRuntimeException",
        f"There is no image that functions of the runtime {runtime} could run in: {why}. Name one "
        f"of this machine in {VARIABLE}, or put one of Lambda's on it.",
    )
