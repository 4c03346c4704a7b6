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

A provider with `handler` and `headers` is one `ByName`: it says by name which operations it
answers, and is asked for those that no other provider has.

A method that is a coroutine runs in the loop, and takes no thread: nothing in it may wait but by
`await`. Its event stream is an `Events`, of `wire`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
import random
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, runtime_checkable

from botocore import xform_name
from botocore.model import OperationModel, ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.protocol import tag_keys, validation
from harness.local.protocol.errors import AwsError, LeaveToMoto
from harness.local.protocol.members import Members
from harness.local.protocol.messages import RequestContext
from harness.local.protocol.parsing import Parser
from harness.local.protocol.responses import Responses, internal_failure, too_large
from harness.local.protocol.routing import Routes
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.local.protocol.messages import Request, Response
    from harness.local.protocol.parsing import Parse

    Handler = Callable[[RequestContext, dict[str, Any]], Any]
    """Returns a mapping or None, or a coroutine for one."""

TRANSPORT_ALLOWANCE = 4096
"""Bytes by which a body may exceed the largest payload of the model before AWS's HTTP front end
refuses it unread. (With a limit of 5 MB, InvokeEndpoint answered "HTTP content length exceeded
5246976 bytes.": aws/sagemaker-python-sdk issue 171.)"""

_log = logging.getLogger(__name__)

MAX_JSON_BODY = 10 * 1024 * 1024
"""Bytes of a JSON request; the model states no limit for the services that have no payload."""


@runtime_checkable
class ByName(Protocol):
    """A provider without a method for each operation."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What its answers have in their headers."""

    def handler(self, operation: str) -> Handler | None:
        """What answers an operation; None if it hasn't it."""


class Service:
    """One AWS service: its botocore model, and the providers that implement operations of it."""

    def __init__(
        self,
        name: str,
        providers: Sequence[object],
        *,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        account_of: Callable[[Request], str | None] = lambda _request: None,
    ) -> None:
        """`region` is that of unsigned requests; signed ones name theirs.

        `account_of` tells whose key a request is signed with, where that isn't `account_id`'s.
        """
        self.name = name
        self._providers = providers
        self._region = region
        self._account_id = account_id
        self._account_of = account_of

    @functools.cached_property
    def model(self) -> ServiceModel:
        return ServiceModel(LOADER.load_service_model(self.name, "service-2"), self.name)

    @functools.cached_property
    def operations(self) -> Mapping[str, Handler]:
        """The operations that a provider implements: `CreateTrainingJob` → its method.

        Raises:
            ValueError: two providers implement the same operation.
        """
        return {**self._by_name, **self.real}

    @functools.cached_property
    def real(self) -> Mapping[str, Handler]:
        """Those of them that are methods of a provider."""
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
    def _by_name(self) -> Mapping[str, Handler]:
        """Those that a provider has `ByName`."""
        return {
            operation: handler
            for provider in self._providers
            if isinstance(provider, ByName)
            for operation in self.model.operation_names
            if (handler := provider.handler(operation)) is not None
        }

    @functools.cached_property
    def _headers(self) -> Mapping[str, str]:
        """What answers of such providers have in their headers."""
        found: dict[str, str] = {}
        for provider in self._providers:
            if isinstance(provider, ByName):
                found.update(provider.headers)
        return found

    @functools.cached_property
    def members(self) -> Members:
        """What becomes of each member of the operations' requests."""
        return Members.beside(self._providers)

    @functools.cached_property
    def max_body(self) -> int:
        """Bytes of a body above which it is refused without being read."""
        payloads = [
            int(shape.members[shape.serialization["payload"]].metadata.get("max", 0))
            for operation in self.model.operation_names
            if (shape := self.model.operation_model(operation).input_shape) is not None
            and "payload" in shape.serialization
        ]
        return max(payloads) + TRANSPORT_ALLOWANCE if payloads else MAX_JSON_BODY

    @functools.cached_property
    def _routes(self) -> Routes:
        return Routes(self.model)

    @functools.cached_property
    def _parser(self) -> Parser:
        return Parser(self.model)

    @functools.cached_property
    def _responses(self) -> Responses:
        return Responses(self.model)

    def match(self, request: Request) -> str | None:
        """The name of the operation that `request` asks for, if it is one of this service's.

        It need not be implemented, nor, for services that name it in a header, exist.
        """
        return self._find(request).operation

    def _find(self, request: Request) -> _Found:
        scope = credential_scope(request)
        if scope is not None and scope[1] != self.model.signing_name:
            return _Found(None, {}, scope)
        return _Found(*self._routes.find(request), scope, self._account_of(request))

    @functools.cached_property
    def has_coroutines(self) -> bool:
        """Whether any operation runs in the loop."""
        return any(
            inspect.iscoroutinefunction(member)
            for provider in self._providers
            for member in vars(type(provider)).values()
        )

    def call_in_loop(self, request: Request) -> CallInLoop | None:
        """The operation that `request` asks for, if it is one that runs in the loop."""
        found = self._find(request)
        if found.operation not in self._coroutines:
            return None
        call = self._call(found)
        return CallInLoop(self, call, self._parser.of_head(call.model, request, call.labels))

    @functools.cached_property
    def _coroutines(self) -> frozenset[str]:
        return frozenset(n for n, h in self.operations.items() if inspect.iscoroutinefunction(h))

    def respond(self, request: Request) -> Response:
        """Parse and validate a request that `match`es, call its provider, serialise the result.

        Raises:
            LeaveToMoto: the provider does, or there is none for this operation.
            DisconnectedError: the body broke off.
        """
        call = self._call(self._find(request))
        body = self._body(request)
        if body is None:
            return too_large(self.max_body)
        try:
            parsed = self._parse(call, request, body)
            is_real = call.model.name in self.real
            if is_real and call.model.input_shape is not None:
                self.members.refuse(call.model.input_shape, parsed)
            response = self._end(call, call.handler(call.context, parsed))
            if is_real or not self._headers:
                return response
            return response._replace(headers={**response.headers, **self._headers})
        except LeaveToMoto as leave:
            leave.body = body
            raise
        except Exception as error:  # noqa: BLE001  # is logged with its traceback
            return self._failed(call, error)

    def call(
        self, operation: str, request: Mapping[str, Any], *, region: str, account_id: str
    ) -> Mapping[str, Any]:
        """Call an operation without HTTP, for another service of this local AWS.

        Raises:
            AwsError: the request isn't as the model has it, or the provider refuses it.
        """
        context = RequestContext(self.name, operation, region, account_id, _request_id())
        model = self.model.operation_model(operation)
        handler = self.operations.get(operation, _leave_to_moto)
        shape = model.input_shape
        if shape is not None and (message := validation.check(shape, request)):
            raise AwsError("ValidationException", message)
        tag_keys.check(request)
        try:
            return handler(context, dict(request)) or {}
        except LeaveToMoto:
            text = f"{operation}: not of what runs here."
            raise AwsError("ValidationException", text) from None

    async def respond_in_loop(self, call: _Call, parse: Parse, body: bytes) -> Response:
        """The same for a `call_in_loop`, and the whole body of its request."""
        try:
            return self._end(call, await call.handler(call.context, parse(body)))
        except Exception as error:  # noqa: BLE001  # is logged with its traceback
            return self._failed(call, error)

    def _call(self, found: _Found) -> _Call:
        operation = found.operation
        if operation is None or operation not in self.model.operation_names:
            raise LeaveToMoto
        context = RequestContext(
            service=self.name,
            operation=operation,
            region=found.scope[0] if found.scope else self._region,
            account_id=found.account or self._account_id,
            request_id=_request_id(),
        )
        handler = self.operations.get(operation, _leave_to_moto)
        return _Call(self.model.operation_model(operation), handler, context, found.labels)

    def _parse(self, call: _Call, request: Request, body: bytes) -> dict[str, Any]:
        parsed = self._parser.parse(call.model, request, call.labels, body)
        tag_keys.check(parsed)
        return parsed

    def _end(self, call: _Call, result: Mapping[str, Any] | None) -> Response:
        _log.debug("%s %s", self.name, call.model.name)
        return self._responses.result(call.model, result or {}, call.context)

    def _failed(self, call: _Call, error: Exception) -> Response:
        """The response to what was raised while the exception is being handled."""
        if not isinstance(error, AwsError):
            error = internal_failure(call.context)
        _log.debug("%s %s: %s", self.name, call.model.name, error)
        return self._responses.error(error, call.context)

    def _body(self, request: Request) -> bytes | None:
        """The request's body; None if it is too large, and hasn't been read to its end then."""
        if (request.length or 0) > self.max_body:
            return None
        pieces, left = [], self.max_body + 1
        while left and (piece := request.stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
            if len(piece) == request.length:
                break
        return b"".join(pieces) if left else None


_REQUESTS = str(uuid.uuid4())[:-12]
_numbers = itertools.count(random.getrandbits(40))


def _leave_to_moto(_context: RequestContext, _request: dict[str, Any]) -> NoReturn:
    """The handler of operations that no provider has: moto looks at no request before it uses it,
    and so gets none that AWS would refuse.
    """
    raise LeaveToMoto


def _request_id() -> str:
    """In the form of a UUID, and as unique, but no secret."""
    return f"{_REQUESTS}{next(_numbers):012x}"


class _Found(NamedTuple):
    """What a request asks for, by its head."""

    operation: str | None
    labels: Mapping[str, str]
    scope: tuple[str, str] | None
    account: str | None = None


class CallInLoop(NamedTuple):
    """An operation that runs in the loop, as a request has asked for it."""

    service: Service
    call: _Call
    parse: Parse

    @property
    def max_body(self) -> int:
        """Bytes of a body above which it is refused without being read."""
        return self.service.max_body

    def again(self) -> CallInLoop:
        """The same, as asked for by another request with the same head."""
        model, handler, context, labels = self.call
        again = _Call(model, handler, context.again(_request_id()), labels)
        return CallInLoop(self.service, again, self.parse)

    async def respond(self, body: bytes) -> Response:
        """The response to that request, with its whole body."""
        return await self.service.respond_in_loop(self.call, self.parse, body)


class _Call(NamedTuple):
    """An operation that is called."""

    model: OperationModel
    handler: Handler
    context: RequestContext
    labels: Mapping[str, str]
