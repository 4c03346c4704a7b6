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

    Parse = Callable[[bytes], dict[str, Any]]
    """Makes of a request's body, where its head is known, the members of the input."""

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
        return self.of_head(model, request, labels)(body)

    def of_head(self, model: OperationModel, request: Request, labels: Mapping[str, str]) -> Parse:
        """`parse` for all requests that have this one's head."""
        shape = model.input_shape
        if shape is None:
            return lambda _: {}
        if not self._is_rest or _is_document(shape):
            return lambda body: self._checked(shape, wire.parse_document(shape, body))
        headers, members = request.headers, None
        payload = str(shape.serialization.get("payload"))
        most = shape.members[payload].metadata.get("max", 0) if payload in shape.members else 0
        if most:
            given = tuple(map(headers.get, self._header_names(model.name)))
            if sum(map(len, filter(None, given))) <= SHORT_HEADERS:
                members = self._remembered(model.name, tuple(labels.items()), given)

        def parse(body: bytes) -> dict[str, Any]:
            if members is not None and 0 < len(body) <= most:
                return {**members, payload: body}
            return self._checked(shape, wire.parse_rest(shape, headers, labels, body))

        return parse

    def _checked(self, shape: StructureShape, parsed: dict[str, Any]) -> dict[str, Any]:
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


def _is_document(shape: StructureShape) -> bool:
    """Whether the body of a rest-json request has all of its members (SageMaker Metrics)."""
    return "payload" not in shape.serialization and not any(
        "location" in member.serialization for member in shape.members.values()
    )
