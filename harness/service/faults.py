"""The faults on demand of a local AWS that runs: listed, added and removed over HTTP."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from harness.errors import ConfigError, ServiceError
from harness.local.faults.api import PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.config.faults import Fault

_SECONDS = 10


def listed(url: str) -> list[dict[str, Any]]:
    """The faults of the local AWS at `url`, each with its `id` and how often it has `happened`.

    Raises:
        ServiceError: it doesn't answer, or knows no faults.
    """
    return list(_call(url, "GET")["faults"])


def add(url: str, fault: Fault) -> dict[str, Any]:
    """Add one; returns it with its `id`. Raises `ConfigError` if it is refused, and as `listed`."""
    return _call(url, "POST", body=fault.model_dump_json(exclude_defaults=True))


def remove(url: str, name: str) -> dict[str, Any]:
    """Remove the one with this id, and return it.

    Raises `ConfigError` if there is none, and as `listed`.
    """
    return _call(url, "DELETE", f"/{quote(name, safe='')}")


def clear(url: str) -> None:
    """Remove all. Raises as `listed`."""
    _call(url, "DELETE")


@contextmanager
def added(url: str, faults: Iterable[Fault]) -> Iterator[None]:
    """These faults, for as long as the block takes. Raises as `add`."""
    names = [add(url, fault)["id"] for fault in faults]
    try:
        yield
    finally:
        for name in names:
            remove(url, name)


def _call(url: str, method: str, below: str = "", body: str | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_SECONDS)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, f"{PATH}{below}", body, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceError(f"the local AWS at {url} says nothing of faults: {error}.") from error
    finally:
        connection.close()
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise ConfigError(f"{document.get('error', answer.reason)}.")
    return dict(document)
