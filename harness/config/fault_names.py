"""The names that a fault on demand may have: AWS's services, their operations and their errors.

They are read from botocore's models, once a fault is asked for: that takes some tenths of a second.
"""

from __future__ import annotations

import fnmatch
import functools
from typing import TYPE_CHECKING, NamedTuple

from harness.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SERVICES = (
    "sagemaker", "sagemaker-runtime", "s3", "sts", "iam", "ecr", "logs", "cloudwatch",
)  # fmt: skip
"""Where operations and errors are looked for if the service isn't named: models load quickly."""

COMMON = (
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException",
    "IncompleteSignature", "InternalError", "InternalFailure", "InternalServerError",
    "InternalServerException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidSignatureException", "LimitExceededException", "MalformedHttpRequestException",
    "MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "RequestAbortedException",
    "RequestEntityTooLargeException", "RequestExpired", "RequestLimitExceeded", "RequestTimeout",
    "RequestTimeoutException", "RequestTimeTooSkewed", "ServiceUnavailable",
    "ServiceUnavailableException", "SignatureDoesNotMatch", "SlowDown", "Throttling",
    "ThrottlingException", "TooManyRequestsException", "UnrecognizedClientException",
    "UnknownOperationException", "ValidationError", "ValidationException",
)  # fmt: skip
"""Errors that any service may have, whatever its model says: AWS's "Common Errors", and those that
botocore tries again."""

_JOBS = ("CreateTrainingJob", "CreateProcessingJob")

EVENTS = {
    "InsufficientInstanceCapacity": (*_JOBS, "CreateTransformJob", "CreateEndpoint"),
    "SpotInterruption": ("CreateTrainingJob",),
    "OutOfMemory": (*_JOBS, "CreateEndpoint"),
    "HostLost": _JOBS,
    "DataError": _JOBS,
    "SlowData": _JOBS,
    "PingFailure": ("CreateTransformJob", "CreateEndpoint"),
    "ContainerExit": ("CreateEndpoint",),
}
"""What each event happens to, by the operation that creates it."""

BY_PATH = {"s3": "s3", "sagemaker": "sagemaker-runtime"}
"""The services whose operations are told apart by method and path, by what they are signed for."""


class _Model(NamedTuple):
    operations: frozenset[str]
    errors: frozenset[str]
    by_path: bool


def of_calls(service: str, operation: str, error: str) -> Iterator[str]:
    """What is wrong with the names, a clause each. Without `error`, any will do."""
    if not _is_pattern(service) and service not in _services():
        yield f"there is no service {service!r}{meant(service, _services())}"
        return
    if _is_pattern(operation) and (not error or error in COMMON):
        return  # which spares the models
    models = _models(service)
    if models and not _is_pattern(operation):
        known = {name for model in models.values() for name in model.operations}
        if operation not in known:
            other = "; that of another service needs service" if service == "*" else ""
            who = "a known service" if service == "*" else ", ".join(models)
            yield f"{operation!r} is no operation of {who}{meant(operation, known)}{other}"
            return
        yield from _untold(service, models)
    if error and error not in COMMON:
        yield from _of_error(operation, error, models)


def of_event(event: str, service: str, operation: str) -> Iterator[str]:
    """What is wrong with whom an event is to happen to, a clause each."""
    if not fnmatch.fnmatchcase("sagemaker", service):
        yield f"{event} is an event of the service sagemaker, not of {service!r}"
    where = EVENTS[event]
    if not any(fnmatch.fnmatchcase(each, operation) for each in where):
        found = f"{operation!r}{meant(operation, where)}"
        yield f"{event} happens to what {either(where)} creates, not {found}"


def meant(name: str, names: Iterable[str]) -> str:
    """What was meant by a name that there isn't, in brackets; nothing if none is like it."""
    plain: dict[str, str] = {}
    for each in sorted(names):
        plain.setdefault(each.lower(), each)
    close = closest(name.lower(), plain, 0.75)
    return f" (did you mean {plain[close]}?)" if close else ""


def either(names: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _of_error(operation: str, error: str, models: dict[str, _Model]) -> Iterator[str]:
    """What is wrong with the error of those services that have such an operation."""
    own = {
        service: model
        for service, model in models.items()
        if any(fnmatch.fnmatchcase(each, operation) for each in model.operations)
    } or models
    known = {name for model in own.values() for name in model.errors}
    if own and error not in known:
        close = meant(error, known | set(COMMON))
        who = "a known service" if own.keys() == set(SERVICES) else ", ".join(own)
        yield f"{error!r} is no error of {who}{close}; with status, any code is taken"


def _untold(service: str, models: dict[str, _Model]) -> Iterator[str]:
    """Why a service's operations can't be told apart here, if so."""
    if service in models and models[service].by_path and service not in BY_PATH.values():
        yield f"operations of {service} can't be told apart here: leave operation out"


def _models(service: str) -> dict[str, _Model]:
    """Those of the services that a name or a pattern stands for."""
    if not _is_pattern(service):
        return {service: _model(service)}
    return {each: _model(each) for each in SERVICES if fnmatch.fnmatchcase(each, service)}


def _is_pattern(text: str) -> bool:
    return any(each in text for each in "*?[")


@functools.cache
def _services() -> frozenset[str]:
    from botocore.loaders import Loader  # slow, and few projects have faults

    return frozenset(Loader().list_available_services("service-2"))


@functools.cache
def _model(service: str) -> _Model:
    """What is needed of a service's model: the whole one is large."""
    from botocore.loaders import Loader

    model = Loader().load_service_model(service, "service-2")
    errors = set()
    for name, shape in model["shapes"].items():
        if shape.get("exception"):
            errors |= {name, shape.get("error", {}).get("code", name)}
    return _Model(
        frozenset(model["operations"]),
        frozenset(errors),
        model["metadata"].get("protocol", "").startswith("rest"),
    )
