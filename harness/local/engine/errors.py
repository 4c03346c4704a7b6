"""What the Docker engine refuses, in words, and how long it may take before it counts as lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound

from harness.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT = 60
"""Seconds within which the engine must answer a call that isn't a stream."""

UNREACHABLE = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)
"""What a call to the engine, or reading its answer, raises when the connection is lost."""


class ImageError(Exception):
    """An image is not on this machine and can't be pulled."""


class StartError(Exception):
    """The engine refused to start a container: its command doesn't exist, say."""


class ElsewhereError(Exception):
    """The engine is on another machine, where containers can't see this one's folders."""


class NoGateError(EngineError):
    """Nothing at hand can lead in to an isolated container."""


class NotRunningError(Exception):
    """A container that should be reached has ended."""


class ArchiveError(Exception):
    """The engine could not extract an archive."""


class MissingFolderError(ArchiveError):
    """The folder that an archive should be extracted in doesn't exist."""


class engine_errors:  # noqa: N801 - reads as a function: `with engine_errors():`
    """Turns what the engine refuses, and a lost connection to it, into `EngineError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, APIError):
            raise EngineError(
                f"the Docker engine at {engine_host()} says: {engine_words(error)}"
            ) from error
        if isinstance(error, UNREACHABLE):
            raise engine_lost() from error


def ignore_gone(call: Callable[..., object], *args: object, **options: object) -> None:
    """Call; an object that is gone, or on its way, is what was wanted."""
    try:
        call(*args, **options)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != 409:
            raise


def engine_lost() -> EngineError:
    """What to raise when the engine is gone."""
    return EngineError(
        f"the Docker engine at {engine_host()} doesn't answer; start it, or see `harness doctor`"
    )


def engine_host() -> str:
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def engine_words(error: APIError) -> str:
    """The engine's own words."""
    return str(error.explanation or error)
