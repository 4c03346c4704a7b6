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
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import logging
import re
import urllib.parse
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, cast

import botocore.loaders
from botocore import xform_name
from botocore.model import (
    ListShape,
    MapShape,
    OperationModel,
    ServiceModel,
    Shape,
    StructureShape,
)

from harness.local import validation

_log = logging.getLogger(__name__)

Handler = Callable[["RequestContext", dict[str, Any]], Mapping[str, Any] | None]

LOADER = botocore.loaders.create_loader()
"""Loads service models, each once. A botocore session that has it as its `data_loader`
component shares them: SageMaker's takes 45 ms to load."""

TRANSPORT_ALLOWANCE = 4096
"""Bytes by which a body may exceed the largest payload of the model before AWS's HTTP front end
refuses it unread. (With a limit of 5 MB, InvokeEndpoint answered "HTTP content length exceeded
5246976 bytes.": aws/sagemaker-python-sdk issue 171.)"""

MAX_JSON_BODY = 10 * 1024 * 1024
"""Bytes of a JSON request; the model states no limit for the services that have no payload."""

# HTTP statuses that aren't 400 of errors for which the model has none. Some are common to all
# services (https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html).
_OTHER_STATUSES = {"InternalFailure": 500, "InternalStreamFailure": 500, "ServiceUnavailable": 503}


class AwsError(Exception):
    """An error that the caller is told about in AWS's form.

    `code` is the error's shape name in the service model (`ResourceNotFound`, `ModelError`) or
    a common error code (`ValidationException`). The HTTP status comes from the model, or is 400.
    `members` are the error shape's further members (`OriginalStatusCode=500`).
    """

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members


class LeaveToMoto(Exception):  # noqa: N818  # says what to do, and is no error
    """Raised by a provider for a request about something that it doesn't keep.

    `body` is the request's, if it has been read from its stream.
    """

    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who called what, where."""

    service: str
    operation: str
    region: str
    account_id: str
    request_id: str

    @property
    def partition(self) -> str:
        """The ARN partition of `region`: `aws`, `aws-cn`, `aws-us-gov`, …"""
        return partition(self.region)

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """`arn:aws:sagemaker:us-east-1:123456789012:` followed by `resource`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@functools.cache
def partition(region: str) -> str:
    """The ARN partition of a region; that of a name nobody knows is `aws`."""
    for candidate in LOADER.load_data("partitions")["partitions"]:
        if re.fullmatch(candidate["regionRegex"], region):
            return str(candidate["id"])
    return "aws"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names are in lower case; `path` is still percent-encoded.

    `stream` ends where the body does.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    stream: IO[bytes]


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response. A `body` that is not bytes is sent while it is iterated."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes]


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
            request_id=str(uuid.uuid4()),
        )
        model = self.model.operation_model(operation)
        body = request.stream.read(self.max_body + 1)
        if len(body) > self.max_body:
            return _too_large(self.max_body)
        try:
            parsed = self._parse(model, request, labels, body)
            result = self.operations[operation](context, parsed) or {}
            return self._serialise(model, result, context)
        except AwsError as error:
            return self._error(error, context)
        except LeaveToMoto as leave:
            leave.body = body
            raise
        except Exception:  # noqa: BLE001  # is logged with its traceback
            return self._error(_internal_failure(context), context)

    @property
    def _is_rest(self) -> bool:
        return self.model.protocol == "rest-json"

    @functools.cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        routes = []
        for name in self.model.operation_names:
            http = self.model.operation_model(name).http
            path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]*)", http["requestUri"])
            routes.append((http["method"], re.compile(path), name))
        return routes

    def _route(self, request: Request) -> tuple[str | None, dict[str, str]]:
        for method, path, operation in self._routes:
            if request.method == method and (match := path.fullmatch(request.path)):
                labels = match.groupdict()
                return operation, {k: urllib.parse.unquote(v) for k, v in labels.items()}
        return None, {}

    def _parse(
        self, model: OperationModel, request: Request, labels: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        shape = model.input_shape
        if shape is None:
            return {}
        if self._is_rest:
            parsed = _parse_rest(shape, request.headers, labels, body)
        else:
            parsed = _parse_document(shape, body)
        if message := validation.check(shape, parsed):
            modeled = "ValidationError" in self.model.shape_names
            raise AwsError("ValidationError" if modeled else "ValidationException", message)
        return parsed

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
            headers |= _serialise_headers(shape, result)
        if model.has_event_stream_output:
            headers["Content-Type"] = "application/vnd.amazon.eventstream"
            return Response(status, headers, _serialise_events(shape, result, context))
        payload = shape.serialization.get("payload")
        if payload is not None:
            return Response(status, headers, _must_be(bytes, result[payload], shape))
        document = _to_json(shape, result, top=True)
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
        return {message: error.message, **_to_json(shape, error.members, top=True)}

    def _status(self, code: str) -> int:
        known = code in self.model.shape_names
        traits = self.model.shape_for(code).metadata if known else {}
        return int(traits.get("error", {}).get("httpStatusCode", _OTHER_STATUSES.get(code, 400)))

    def _headers(self, context: RequestContext) -> dict[str, str]:
        version = self.model.metadata.get("jsonVersion", "1.1")
        kind = "application/json" if self._is_rest else f"application/x-amz-json-{version}"
        return {"x-amzn-RequestId": context.request_id, "Content-Type": kind}


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


# Parsing: AWS's words for a value of the wrong type are those of its Java JSON parser.

_JAVA_TYPES = {
    "string": "a String",
    "boolean": "a Boolean",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "timestamp": "milliseconds since epoch",
    "blob": "a ByteBuffer",
}
_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}


def _parse_document(shape: StructureShape, body: bytes) -> dict[str, Any]:
    """A JSON request."""
    try:
        document = json.loads(body.decode(), parse_constant=_refuse_constant) if body else {}
        parsed: dict[str, Any] = _from_json(shape, document)
    except (ValueError, RecursionError) as error:
        raise _serialization_error(f"The request body is not valid JSON: {error}") from error
    return parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _from_json(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        document = _expect(dict, value, "Expected null")
        return {
            name: _from_json(member, item)
            for name, member in shape.members.items()
            if (item := document.get(member.serialization.get("name", name))) is not None
        }
    if isinstance(shape, ListShape):
        items = _expect(list, value, "Expected list or null")
        return [None if item is None else _from_json(shape.member, item) for item in items]
    if isinstance(shape, MapShape):
        entries = _expect(dict, value, "Expected map or null")
        return {
            key: None if item is None else _from_json(shape.value, item)
            for key, item in entries.items()
        }
    return _from_json_scalar(shape.type_name, value)


def _expect(kind: type, value: Any, otherwise: str) -> Any:
    if isinstance(value, kind):
        return value
    _refuse_container(value)
    raise _serialization_error(otherwise)


def _refuse_container(value: Any) -> None:
    if isinstance(value, list):
        raise _serialization_error("Start of list found where not expected")
    if isinstance(value, dict):
        raise _serialization_error("Start of structure or map found where not expected.")


def _from_json_scalar(kind: str, value: Any) -> Any:
    _refuse_container(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "integer" | "long" if number and value == value // 1:
            return int(value)
        case "float" | "double" if number or value in _NOT_FINITE:
            return float(value)
        case "timestamp" if number:
            try:
                return datetime.fromtimestamp(value, UTC)
            except (ValueError, OverflowError, OSError):
                pass
        case "blob" if isinstance(value, str):
            try:
                return base64.b64decode(value, validate=True)
            except binascii.Error:
                pass
    raise _serialization_error(f"{_token(value)} can not be converted to {_JAVA_TYPES[kind]}")


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    return "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"


def _parse_rest(
    shape: StructureShape, headers: Mapping[str, str], labels: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """A rest-json request whose members are in the path, in headers, or are the whole body.

    SageMaker Runtime has no others (no query string, no JSON document).
    """
    parsed: dict[str, Any] = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if location == "uri":
            parsed[name] = labels[key]
        elif location == "header" and key.lower() in headers:
            parsed[name] = _from_text(member.type_name, headers[key.lower()])
        elif name == shape.serialization.get("payload") and (
            body or name in shape.required_members
        ):
            parsed[name] = body
    return parsed


def _from_text(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    try:
        return int(text)
    except ValueError:
        raise _serialization_error(
            f"STRING_VALUE can not be converted to {_JAVA_TYPES[kind]}"
        ) from None


def _serialization_error(message: str) -> AwsError:
    return AwsError("SerializationException", message)


# Serialising


def _to_json(shape: Shape, value: Any, *, top: bool = False) -> Any:
    """`value` as it goes into JSON; None for what has no value."""
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        document = {
            member.serialization.get("name", name): item
            for name, member in shape.members.items()
            if value.get(name) is not None and (item := _to_json(member, value[name])) is not None
        }
        return document if document or top else None
    if isinstance(shape, ListShape):
        _must_be(list | tuple, value, shape)
        return [{} if (i := _to_json(shape.member, item)) is None else i for item in value]
    if isinstance(shape, MapShape):
        return {
            key: item
            for key, member in value.items()
            if member is not None and (item := _to_json(shape.value, member)) is not None
        }
    match shape.type_name:
        case "timestamp":
            return _epoch(value)
        case "blob":
            return base64.b64encode(value).decode()
        case "string":
            return str(_must_be(str, value, shape))
        case "boolean":
            return _must_be(bool, value, shape)
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
    return value


def _must_be(kind: Any, value: Any, shape: Shape) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{shape.name} is a {shape.type_name}, and a provider gave it {value!r}.")
    return value


def _epoch(value: datetime) -> float:
    """Seconds with milliseconds, as AWS's JSON protocols have it; a naive time is in UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return round(aware.timestamp(), 3)


def _serialise_headers(shape: StructureShape, result: Mapping[str, Any]) -> dict[str, str]:
    return {
        member.serialization["name"]: str(result[name])
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header" and result.get(name) is not None
    }


def _serialise_events(
    shape: StructureShape, result: Mapping[str, Any], context: RequestContext
) -> Iterator[bytes]:
    """The messages of an event stream, each as soon as the provider has it."""
    # Imported here, since this brings moto with it, which nothing else on the way needs.
    from moto.core.eventstream import EventStreamEncoder

    encoder = EventStreamEncoder()
    name = str(shape.event_stream_name)
    union = cast("StructureShape", shape.members[name])
    kinds = cast("Mapping[str, StructureShape]", union.members)
    stream: Iterable[Mapping[str, Any]] = result.get(name, ())
    try:
        for event in stream:
            ((kind, members),) = event.items()
            yield _encode_event(encoder, kinds[kind], kind, members)
    except AwsError as error:
        yield _encode_exception(encoder, error)
    except Exception:  # noqa: BLE001  # is logged with its traceback
        failure = _internal_failure(context)
        yield _encode_exception(encoder, AwsError("InternalStreamFailure", failure.message))
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


def _encode_event(encoder: Any, shape: StructureShape, kind: str, members: Any) -> bytes:
    headers = {":message-type": "event", ":event-type": kind}
    for name, member in shape.members.items():
        if member.serialization.get("eventpayload") and member.type_name == "blob":
            headers[":content-type"] = "application/octet-stream"
            return bytes(encoder.encode_message(headers, members[name]))
    headers[":content-type"] = "application/json"
    document = json.dumps(_to_json(shape, members, top=True))
    return bytes(encoder.encode_message(headers, document.encode()))


def _encode_exception(encoder: Any, error: AwsError) -> bytes:
    headers = {
        ":message-type": "exception",
        ":exception-type": error.code,
        ":content-type": "application/json",
    }
    document = json.dumps({"Message": error.message, **error.members})
    return bytes(encoder.encode_message(headers, document.encode()))
