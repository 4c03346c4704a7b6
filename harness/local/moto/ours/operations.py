"""What a request of any service asks for, in AWS's words: `PutRecord`, for errors that name it.

moto doesn't say; botocore's models do. They are looked at where an error has to be told, only.
"""

from __future__ import annotations

import functools
import gzip
import io
import re
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.protocol.messages import Request

_HEAD = 4096
"""Bytes of a model's file that have its metadata."""

_RPC = re.compile(r"/service/[^/]+/operation/(\w+)")
"""The path of a request in Smithy's RPC protocols."""

_VARIABLE = re.compile(r"\{(\w+)(\+?)\}")


class Route(NamedTuple):
    """The way to an operation of a REST service, by botocore's name of that."""

    service: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    literal: int
    """Characters of the path that are no variables."""
    operation: str


def name(request: Request, service: str) -> str | None:
    """The operation that is asked for of a service, by the name that requests are signed for."""
    if target := request.headers.get("x-amz-target", "").rpartition(".")[2]:
        return target
    for document in (request.query, _form(request)):
        if action := urllib.parse.parse_qs(document).get("Action"):
            return action[0]
    if rpc := _RPC.fullmatch(request.path):
        return rpc[1]
    found = route(request, service)
    return found.operation if found else None


def route(request: Request, service: str) -> Route | None:
    """The way that a request takes to a REST service, of those that are signed for by this name."""
    given = {each.partition("=")[0] for each in request.query.split("&")}
    found = [
        each
        for each in _routes(service)
        if each.method == request.method
        and each.query <= given
        and each.path.fullmatch(request.path)
    ]
    return max(found, key=lambda each: (len(each.query), each.literal), default=None)


def _form(request: Request) -> str:
    """The body, where it is a form; that has been read by now."""
    is_form = request.headers.get("content-type", "").startswith(
        "application/x-www-form-urlencoded"
    )
    if not is_form or not isinstance(request.stream, io.BytesIO):
        return ""
    return request.stream.getvalue().decode("utf-8", "replace")


@functools.lru_cache(maxsize=32)
def _routes(service: str) -> list[Route]:
    return [each for model in _models(service) for each in _of_model(model)]


def _models(service: str) -> Iterator[ServiceModel]:
    """The models of the services that are signed for by this name."""
    for each in _by_signing_name().get(service, ()):
        model = ServiceModel(LOADER.load_service_model(each, "service-2"), each)
        if "rest" in model.protocol:
            yield model


def _of_model(model: ServiceModel) -> Iterator[Route]:
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        path, _, query = http["requestUri"].partition("?")
        # botocore takes the bucket out of the paths of S3's model when a client is made.
        path = http.get("authPath", path).rstrip("/")
        pattern, literal, at = "", 0, 0
        for variable in _VARIABLE.finditer(path):
            fixed = path[at : variable.start()]
            pattern += re.escape(fixed) + ("(?:.+)" if variable[2] else "[^/]+")
            literal, at = literal + len(fixed), variable.end()
        pattern += re.escape(path[at:])
        literal += len(path[at:])
        keys = frozenset(each.partition("=")[0] for each in query.split("&") if each)
        yield Route(
            model.service_name,
            http["method"],
            re.compile(pattern + "/?", re.DOTALL),
            keys,
            literal,
            operation,
        )


@functools.cache
def _by_signing_name() -> dict[str, list[str]]:
    """botocore's names of services by the names that they are signed for."""
    found: dict[str, list[str]] = {}
    for folder in LOADER.search_paths:
        for file in sorted(Path(folder).glob("*/*/service-2.json*")):
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
                head = stream.read(_HEAD).decode("utf-8", "replace")
            signing = re.search(r'"signingName"\s*:\s*"([^"]+)"', head)
            prefix = signing or re.search(r'"endpointPrefix"\s*:\s*"([^"]+)"', head)
            service = file.parts[-3]
            if prefix and service not in found.setdefault(prefix[1], []):
                found[prefix[1]].append(service)
    return found
