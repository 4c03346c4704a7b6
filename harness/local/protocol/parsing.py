"""The input of an operation, parsed from a request and validated.

Of requests that differ in nothing but their payload, as most of an endpoint's do, what their heads
make is remembered.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from harness.local.protocol import validation, wire
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel, ServiceModel, StructureShape

    from harness.local.protocol.messages import Request

    Labels = tuple[tuple[str, str], ...]
    Headers = tuple[str | None, ...]

REMEMBERED = 256
"""Heads of requests of which it is remembered what they ask for."""

SHORT_HEADERS = 512
"""Characters of a head that is remembered, as far as it has members of the input."""


class Parser:
    """Parses the requests of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._is_rest = model.protocol == "rest-json"

    def parse(
        self,
        model: OperationModel,
        request: Request,
        labels: Mapping[str, str],
        body: bytes,
    ) -> dict[str, Any]:
        """The members of the operation's input. Raises `AwsError` where they aren't valid."""
        shape = model.input_shape
        if shape is None:
            return {}
        if self._is_rest:
            names = self._header_names(model.name)
            given = tuple(map(request.headers.get, names))
            payload = shape.serialization.get("payload")
            most = shape.members[payload].metadata.get("max", 0) if payload else 0
            if body and len(body) <= most and sum(map(len, filter(None, given))) <= SHORT_HEADERS:
                members = self._remembered(model.name, tuple(labels.items()), given)
                if members is not None:
                    return {**members, cast("str", payload): body}
            parsed = wire.parse_rest(shape, request.headers, labels, body)
        else:
            parsed = wire.parse_document(shape, body)
        if message := validation.check(shape, parsed):
            modeled = "ValidationError" in self._model.shape_names
            raise AwsError("ValidationError" if modeled else "ValidationException", message)
        return parsed

    @functools.cached_property
    def _header_names(self) -> Callable[[str], list[str]]:
        """The names of the headers that are members of an operation's input, in lower case."""

        @functools.cache
        def names(operation: str) -> list[str]:
            return [
                member.serialization.get("name", name).lower()
                for name, member in self._input(operation).members.items()
                if member.serialization.get("location") == "header"
            ]

        return names

    @functools.cached_property
    def _remembered(self) -> Callable[[str, Labels, Headers], Mapping[str, Any] | None]:
        """The members that such labels and headers make, without a payload; None: not valid."""

        @functools.lru_cache(maxsize=REMEMBERED)
        def members(operation: str, labels: Labels, given: Headers) -> Mapping[str, Any] | None:
            shape = self._input(operation)
            pairs = zip(self._header_names(operation), given, strict=True)
            headers = {name: value for name, value in pairs if value is not None}
            parsed = wire.parse_rest(shape, headers, dict(labels), b"")
            if validation.check(shape, {**parsed, shape.serialization["payload"]: b"x"}):
                return None
            return parsed

        return members

    def _input(self, operation: str) -> StructureShape:
        return cast("StructureShape", self._model.operation_model(operation).input_shape)
