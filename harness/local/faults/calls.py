"""What a request asks for, of whichever service: its operation, and the names that it is about."""

from __future__ import annotations

import functools
import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from harness.config.fault_names import BY_PATH
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import OperationModel

    from harness.local.protocol.messages import Request

READ_LIMIT = 1 << 20
"""Bytes of a body that is looked into."""

_ALIASES = {"monitoring": "cloudwatch"}
"""The names of services by the ones that they are signed for, where botocore has another."""

_CBOR = re.compile(r"/service/\w+/operation/(\w+)")

# botocore's S3 clients take the bucket out of the paths of the model that a loader shares.
_LOADER = Loader()


class Call(NamedTuple):
    """A call: of which service, of what, and about what."""

    service: str
    operation: str
    resources: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f" of {self.resources[0]}" if self.resources else ""
        return f"{self.service}:{self.operation}{about}"


def named(request: Request, body: Callable[[], bytes]) -> Call:
    """Service, operation and resources, the first of which says it best.

    `body` is called where they stand in it.
    """
    scope = credential_scope(request)
    signed = scope[1] if scope else _unsigned(request)
    service = _ALIASES.get(signed, signed)
    kind = request.headers.get("content-type", "")
    if target := request.headers.get("x-amz-target"):
        return Call(service, target.rpartition(".")[2], tuple(_names(_object(request, body))))
    if cbor := _CBOR.fullmatch(request.path):
        return Call(service, cbor[1])
    if kind.startswith("application/x-www-form-urlencoded") or "Action=" in request.query:
        form = request.query or _text(request, body)
        fields = dict(urllib.parse.parse_qsl(form))
        found = (value for name, value in fields.items() if name.endswith("Name"))
        return Call(service, fields.get("Action", ""), tuple(found))
    name = BY_PATH.get(signed)
    if name and (route := _route(name, request)):
        return Call(name, route.operation, tuple(_in_path(name, request)))
    return Call(service, f"{request.method} {request.path}")


def is_ours(request: Request) -> bool:
    """Whether it asks for something that no AWS has: the rules, the health check, the page."""
    return request.path.startswith("/_harness/") or (
        request.method == "GET"
        and "text/html" in request.headers.get("accept", "")
        and credential_scope(request) is None
    )


def _unsigned(request: Request) -> str:
    """What nobody has signed is S3's, unless its path is an invocation's."""
    return "sagemaker" if request.path.startswith("/endpoints/") else "s3"


def _text(request: Request, body: Callable[[], bytes]) -> str:
    if (request.length or 0) > READ_LIMIT:
        return ""
    return body().decode("utf-8", "replace")


def _object(request: Request, body: Callable[[], bytes]) -> dict[str, Any]:
    try:
        found = json.loads(_text(request, body) or "{}")
    except (ValueError, RecursionError):  # which the service itself will say
        return {}
    return found if isinstance(found, dict) else {}


def _names(members: dict[str, Any]) -> Iterator[str]:
    """The texts of members that name something, those of their ARNs without what precedes them."""
    for member, value in members.items():
        if isinstance(value, str):
            if member.lower().endswith("name"):
                yield value
            elif member.lower().endswith("arn") and member != "RoleArn":
                yield value.rpartition("/")[2]


def _in_path(service: str, request: Request) -> Iterator[str]:
    """Bucket and key, and the bucket, or an endpoint."""
    path = urllib.parse.unquote(request.path)
    if service == "s3":
        bucket, _, key = path.strip("/").partition("/")
        yield from filter(None, [key and f"{bucket}/{key}", bucket])
    else:
        yield path.split("/")[2]


@dataclass(frozen=True)
class _Route:
    """What tells a request of an operation from others of its service."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    headers: frozenset[str]

    def fits(self, request: Request, query: set[str]) -> bool:
        return (
            self.method == request.method
            and self.query <= query
            and self.headers <= request.headers.keys()
            and self.path.fullmatch(request.path) is not None
        )


def _route(service: str, request: Request) -> _Route | None:
    parts = [each for each in request.query.split("&") if each]
    given = {name for each in parts for name in (each, each.partition("=")[0].lower())}
    return next((route for route in _routes(service) if route.fits(request, given)), None)


@functools.cache
def _routes(service: str) -> list[_Route]:
    """The routes of a service, those that ask for most first."""
    model = ServiceModel(_LOADER.load_service_model(service, "service-2"), service)
    routes = []
    for operation in map(model.operation_model, model.operation_names):
        path, _, query = operation.http["requestUri"].partition("?")
        pattern = re.sub(r"\{\w+\}", "([^/]+)", re.sub(r"\{\w+\+\}", "(.+)", path))
        routes.append(
            _Route(
                operation.name,
                operation.http["method"],
                re.compile(f"{pattern}/?" if path.count("/") == 1 else pattern, re.DOTALL),
                frozenset(set(query.split("&")) - {""} | _required(operation, "querystring")),
                frozenset(_required(operation, "header")),
            )
        )
    return sorted(routes, key=lambda route: -len(route.query) - len(route.headers))


def _required(operation: OperationModel, location: str) -> set[str]:
    """The names in the query, or of headers, that the operation can't do without."""
    shape: Any = operation.input_shape
    traits = [shape.members[name].serialization for name in shape.required_members] if shape else []
    return {each["name"].lower() for each in traits if each.get("location") == location}


@functools.cache
def error_status(service: str, code: str) -> int | None:
    """The HTTP status that a service's model has for an error."""
    try:
        model = ServiceModel(_LOADER.load_service_model(service, "service-2"), service)
    except UnknownServiceError:
        return None
    for shape in model.error_shapes:
        error = shape.metadata.get("error", {})
        if code in (shape.name, error.get("code")):
            status = error.get("httpStatusCode")
            return int(status) if status else None
    return None
