"""AWS's wire protocols, driven by botocore's service models.

A *provider* is any object with methods named after a service's operations in snake case::

    class TrainingJobs:
        def create_training_job(
            self, context: RequestContext, request: dict[str, Any]
        ) -> dict[str, Any] | None: ...

`request` has AWS's own member names, parsed and validated: timestamps are aware `datetime`s,
blobs are `bytes`, members that were not sent are absent. What the method returns is serialised
the same way: members that are None or not in the model and empty structures are left out at
every depth. An `AwsError` that it raises becomes the service's error response.

An operation with an event stream (InvokeEndpointWithResponseStream) returns an iterable of
events for the stream's member: `{"Body": [{"PayloadPart": {"Bytes": b"..."}}]}`. It is sent
while it is iterated, and closed at the end if it has `close()`. An `AwsError` raised by the
iterator ends the stream with that exception.

Large payloads need not be in memory: a method that `takes_uploads` may find an `Upload` in place
of a request's payload, and may return a `Payload` in place of a response's.
"""

from __future__ import annotations

import functools
import json
import logging
import random
import re
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, StructureShape

from harness.aws_model.loader import LOADER
from harness.local.protocol import validation, wire
from harness.local.protocol.errors import AwsError as AwsError
from harness.local.protocol.errors import DisconnectedError, LeaveToMoto
from harness.local.protocol.messages import (
    UPLOAD,
    Payload,
    Request,
    RequestContext,
    Response,
    Upload,
)

_log = logging.getLogger(__name__)

Handler = Callable[["RequestContext", dict[str, Any]], Mapping[str, Any] | None]


TRANSPORT_ALLOWANCE = 4096
"""Bytes by which a body may exceed the largest payload of the model before AWS's HTTP front end
refuses it unread. (With a limit of 5 MB, InvokeEndpoint answered "HTTP content length exceeded
5246976 bytes.": aws/sagemaker-python-sdk issue 171.)"""


REMEMBERED = 256
"""Paths, and heads of requests, of which it is remembered what they ask for."""

SHORT_HEADERS = 512
"""Characters of a head that is remembered, as far as it has members of the input."""

MAX_JSON_BODY = 10 * 1024 * 1024
"""Bytes of a JSON request; the model states no limit for the services that have no payload."""

# HTTP statuses that aren't 400 of errors for which the model has none. Some are common to all
# services (https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html).
_OTHER_STATUSES = {"InternalFailure": 500, "InternalStreamFailure": 500, "ServiceUnavailable": 503}


class Service:
    """One AWS service: its botocore model, and the providers that implement operations of it."""

    def __init__(
        self,
        name: str,
        providers: Sequence[object],
        *,
        region: str = "us-east-1",
        account_id: str = "123456789012",
    ) -> None:
        """`region` is that of unsigned requests; signed ones name theirs."""
        self.name = name
        self._providers = providers
        self._region = region
        self._account_id = account_id

    @functools.cached_property
    def model(self) -> ServiceModel:
        return ServiceModel(LOADER.load_service_model(self.name, "service-2"), self.name)

    @functools.cached_property
    def operations(self) -> Mapping[str, Handler]:
        """The operations that a provider implements: `CreateTrainingJob` → its method.

        Raises:
            ValueError: two providers implement the same operation.
        """
        found: dict[str, Handler] = {}
        for operation in self.model.operation_names:
            method = xform_name(operation)
            handlers = [
                getattr(provider, method)
                for provider in self._providers
                if callable(getattr(provider, method, None))
            ]
            if len(handlers) > 1:
                raise ValueError(f"{self.name}: {operation} has {len(handlers)} providers.")
            if handlers:
                found[operation] = handlers[0]
        return found

    @functools.cached_property
    def max_body(self) -> int:
        """Bytes of a body above which it is refused without being read."""
        if not self._is_rest:
            return MAX_JSON_BODY
        payloads = [
            int(shape.members[shape.serialization["payload"]].metadata.get("max", 0))
            for operation in self.model.operation_names
            if (shape := self.model.operation_model(operation).input_shape) is not None
            and "payload" in shape.serialization
        ]
        return max(payloads) + TRANSPORT_ALLOWANCE

    def match(self, request: Request) -> str | None:
        """The name of the operation that `request` asks for, if it is one of this service's.

        It need not be implemented, nor, for services that name it in a header, exist.
        """
        scope = credential_scope(request)
        if scope is not None and scope[1] != self.model.signing_name:
            return None
        if self._is_rest:
            return self._route(request)[0]
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        return operation if service == self.model.metadata["targetPrefix"] else None

    def respond(self, request: Request) -> Response:
        """Parse and validate a request that `match`es, call its provider, serialise the result.

        Raises:
            LeaveToMoto: the provider does, or there is none for this operation.
        """
        operation, labels = self._route(request) if self._is_rest else (self.match(request), {})
        if operation is None or operation not in self.operations:
            raise LeaveToMoto
        scope = credential_scope(request)
        context = RequestContext(
            service=self.name,
            operation=operation,
            region=scope[0] if scope else self._region,
            account_id=self._account_id,
            # No secret, and so not from the system's source, a call that lets other threads in.
            request_id=str(uuid.UUID(int=random.getrandbits(128), version=4)),
        )
        model = self.model.operation_model(operation)
        body = self._body(request, getattr(self.operations[operation], "takes_uploads", False))
        if body is None:
            return _too_large(self.max_body)
        try:
            parsed = self._parse(model, request, labels, body)
            result = self.operations[operation](context, parsed) or {}
            return self._serialise(model, result, context)
        except AwsError as error:
            return self._error(error, context)
        except LeaveToMoto as leave:
            leave.body = cast("bytes", body)  # those who take uploads leave nothing to moto
            raise
        except DisconnectedError:
            raise
        except Exception:  # noqa: BLE001  # is logged with its traceback
            return self._error(_internal_failure(context), context)

    def _body(self, request: Request, takes_uploads: bool) -> bytes | Upload | None:
        """The request's body; None if it is too large, and hasn't been read then."""
        if request.length is None:
            body = request.stream.read(self.max_body + 1)
            return body if len(body) <= self.max_body else None
        if request.length > self.max_body:
            return None
        upload = Upload(request.stream, request.length)
        return upload if takes_uploads and request.length > UPLOAD else b"".join(upload)

    @functools.cached_property
    def _is_rest(self) -> bool:
        return bool(self.model.protocol == "rest-json")

    @functools.cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        return [
            (route["method"], re.compile(_path(route["requestUri"], r"(?P<\1>[^/]*)")), name)
            for name in self.model.operation_names
            for route in [self.model.operation_model(name).http]
        ]

    def upload_paths(self) -> list[str]:
        """A pattern for the path of each operation that is a POST, and takes uploads."""
        return [
            _path(route["requestUri"], "[a-zA-Z0-9_.~%-]+")
            for name, handler in self.operations.items()
            for route in [self.model.operation_model(name).http]
            if route["method"] == "POST" and getattr(handler, "takes_uploads", False)
        ]

    def _route(self, request: Request) -> tuple[str | None, Mapping[str, str]]:
        return self._routed(request.method, request.path)

    @functools.cached_property
    def _routed(self) -> Callable[[str, str], tuple[str | None, Mapping[str, str]]]:
        @functools.lru_cache(maxsize=REMEMBERED)
        def route(method: str, path: str) -> tuple[str | None, Mapping[str, str]]:
            for known, pattern, operation in self._routes:
                if method == known and (match := pattern.fullmatch(path)):
                    labels = match.groupdict()
                    return operation, {k: urllib.parse.unquote(v) for k, v in labels.items()}
            return None, {}

        return route

    def _parse(
        self,
        model: OperationModel,
        request: Request,
        labels: Mapping[str, str],
        body: bytes | Upload,
    ) -> dict[str, Any]:
        shape = model.input_shape
        if shape is None:
            return {}
        if self._is_rest:
            names = self._header_names(model.name)
            given = tuple([request.headers.get(name) for name in names])
            payload = shape.serialization.get("payload")
            most = shape.members[payload].metadata.get("max", 0) if payload else 0
            if body and len(body) <= most and sum(map(len, filter(None, given))) <= SHORT_HEADERS:
                # Many requests differ in nothing but their bodies.
                members = self._remembered(model.name, tuple(labels.items()), given)
                if members is not None:
                    return {**members, cast("str", payload): body}
            parsed = wire.parse_rest(shape, request.headers, labels, body)
        else:
            parsed = wire.parse_document(shape, cast("bytes", body))
        if message := validation.check(shape, parsed):
            modeled = "ValidationError" in self.model.shape_names
            raise AwsError("ValidationError" if modeled else "ValidationException", message)
        return parsed

    @functools.cached_property
    def _header_names(self) -> Callable[[str], list[str]]:
        """The names of the headers that are members of an operation's input, in lower case."""

        @functools.cache
        def names(operation: str) -> list[str]:
            shape = cast("StructureShape", self.model.operation_model(operation).input_shape)
            return [
                member.serialization.get("name", name).lower()
                for name, member in shape.members.items()
                if member.serialization.get("location") == "header"
            ]

        return names

    @functools.cached_property
    def _remembered(
        self,
    ) -> Callable[
        [str, tuple[tuple[str, str], ...], tuple[str | None, ...]], Mapping[str, Any] | None
    ]:
        """The members that such labels and headers make, without a payload; None: not valid."""

        @functools.lru_cache(maxsize=REMEMBERED)
        def members(
            operation: str,
            labels: tuple[tuple[str, str], ...],
            given: tuple[str | None, ...],
        ) -> Mapping[str, Any] | None:
            shape = cast("StructureShape", self.model.operation_model(operation).input_shape)
            pairs = zip(self._header_names(operation), given, strict=True)
            headers = {name: value for name, value in pairs if value is not None}
            parsed = wire.parse_rest(shape, headers, dict(labels), b"")
            if validation.check(shape, {**parsed, shape.serialization["payload"]: b"x"}):
                return None
            return parsed

        return members

    def _serialise(
        self, model: OperationModel, result: Mapping[str, Any], context: RequestContext
    ) -> Response:
        shape = model.output_shape
        status = model.http.get("responseCode", 200)
        headers = self._headers(context)
        if shape is None:
            return Response(status, headers, b"")
        if self._is_rest:
            # Content-Type is a member of InvokeEndpoint's output, and so goes over ours.
            headers |= wire.serialise_headers(shape, result)
        if model.has_event_stream_output:
            headers["Content-Type"] = "application/vnd.amazon.eventstream"
            return Response(
                status,
                headers,
                wire.serialise_events(shape, result, lambda: _internal_failure(context)),
            )
        payload = shape.serialization.get("payload")
        if payload is not None:
            body = result[payload]
            if isinstance(body, Payload):
                return Response(status, headers | {"Content-Length": str(body.length)}, body.pieces)
            return Response(status, headers, wire.must_be(bytes, body, shape))
        document = wire.to_json(shape, result, top=True)
        return Response(status, headers, json.dumps(document).encode())

    def _error(self, error: AwsError, context: RequestContext) -> Response:
        headers = self._headers(context) | {"x-amzn-ErrorType": error.code}
        document = {} if self._is_rest else {"__type": error.code}
        document |= self._error_members(error)
        return Response(self._status(error.code), headers, json.dumps(document).encode())

    def _error_members(self, error: AwsError) -> dict[str, Any]:
        if error.code not in self.model.shape_names:
            return {"message": error.message}
        shape = cast("StructureShape", self.model.shape_for(error.code))
        message = next((name for name in shape.members if name.lower() == "message"), "message")
        return {message: error.message, **wire.to_json(shape, error.members, top=True)}

    def _status(self, code: str) -> int:
        known = code in self.model.shape_names
        traits = self.model.shape_for(code).metadata if known else {}
        return int(traits.get("error", {}).get("httpStatusCode", _OTHER_STATUSES.get(code, 400)))

    def _headers(self, context: RequestContext) -> dict[str, str]:
        version = self.model.metadata.get("jsonVersion", "1.1")
        kind = "application/json" if self._is_rest else f"application/x-amz-json-{version}"
        return {"x-amzn-RequestId": context.request_id, "Content-Type": kind}


def _path(template: str, label: str) -> str:
    """The pattern of a path in the service model's form, with `label` for its variables."""
    return re.sub(r"\{(\w+)\}", label, template)


_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")


def credential_scope(request: Request) -> tuple[str, str] | None:
    """Region and service that a request, or presigned URL, is signed for. Nothing is verified."""
    if "X-Amz-Credential=" in request.query:
        query = urllib.parse.parse_qs(request.query)
        signed = "Credential=" + query.get("X-Amz-Credential", [""])[0]
    else:
        signed = request.headers.get("authorization", "")
    match = _CREDENTIAL_SCOPE.search(signed)
    return (match[1], match[2]) if match else None


def _too_large(limit: int) -> Response:
    # In the words of Netty, AWS's HTTP front end, which knows nothing of AWS's error format.
    text = f"HTTP content length exceeded {limit} bytes."
    return Response(413, {"Content-Type": "text/plain"}, text.encode())


def internal_failure_text(operation: str, request_id: str) -> str:
    """What the caller is told of an error that nobody expected; the log has the rest."""
    return (
        f"{operation} failed with an unexpected error in the local AWS; its log says more under "
        f"request id {request_id}."
    )


def _internal_failure(context: RequestContext) -> AwsError:
    """Log the exception that is being handled; the caller gets one sentence."""
    _log.exception(
        "%s:%s failed with an unexpected error (request id %s); SDKs retry it up to 10 times",
        context.service,
        context.operation,
        context.request_id,
    )
    text = internal_failure_text(context.operation, context.request_id)
    return AwsError("InternalFailure", text)
