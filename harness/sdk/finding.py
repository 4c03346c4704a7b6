"""Which local AWS a session is on: one that runs, or none."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple
from urllib.parse import urlsplit

from harness.errors import ServiceError
from harness.service import state

URL_VARIABLE = "AWS_ENDPOINT_URL"

BUCKET = "harness-local"
"""The default bucket, unless the service that runs says another."""


class Found(NamedTuple):
    """A local AWS that runs."""

    url: str
    region: str
    bucket: str


def find(url: str | None) -> Found | None:
    """The local AWS at `url`; without one, that of AWS_ENDPOINT_URL, or the one of `harness up`.

    Whatever else AWS_ENDPOINT_URL leads to, moto's own server say, is none.

    Raises:
        ServiceError: the service is starting, and has been for too long.
    """
    if url is not None:
        return _at(url) or Found(url, "", BUCKET)
    named = os.environ.get(URL_VARIABLE, "")
    if named and (found := _at(named)):
        return found
    running = state.find()
    return Found(running.url, running.region, running.bucket) if running else None


def _at(url: str) -> Found | None:
    about = state.about(url) if urlsplit(url).scheme == "http" else None
    if about is None:
        return None
    running = None
    with contextlib.suppress(ServiceError):  # one that is about to begin, or to end
        running = state.find_at_once()
    bucket = running.bucket if running is not None and running.url == url else BUCKET
    return Found(url, about.get("region", ""), bucket)
