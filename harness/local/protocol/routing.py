"""Which operation a request asks for: its path says so where a service is REST, or else a header.

What a path asks for is remembered, since most requests of an endpoint have the same.
"""

from __future__ import annotations

import functools
import re
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import ServiceModel

    from harness.local.protocol.messages import Request

    Route = tuple[str | None, Mapping[str, str]]
    """An operation, which need not exist, and the variables of the path; None: none of these."""

REMEMBERED = 256
"""Paths of which it is remembered what they ask for."""


class Routes:
    """The way from requests to the operations of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._is_rest = model.protocol == "rest-json"

    def find(self, request: Request) -> Route:
        """The operation that is asked for, and what the path says of its input."""
        if self._is_rest:
            return self._routed(request.method, request.path)
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        return operation if service == self._model.metadata["targetPrefix"] else None, {}

    @functools.cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str], str]]:
        """The method and path of each operation, and its name."""
        return [
            (route["method"], re.compile(_path(route["requestUri"])), name)
            for name in self._model.operation_names
            for route in [self._model.operation_model(name).http]
        ]

    @functools.cached_property
    def _routed(self) -> Callable[[str, str], Route]:
        @functools.lru_cache(maxsize=REMEMBERED)
        def route(method: str, path: str) -> Route:
            for known, pattern, operation in self._patterns:
                if method == known and (match := pattern.fullmatch(path)):
                    labels = match.groupdict()
                    return operation, {k: urllib.parse.unquote(v) for k, v in labels.items()}
            return None, {}

        return route


def _path(template: str) -> str:
    """The pattern of a path in the service model's form."""
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]*)", template)
