"""SageMaker Runtime: InvokeEndpoint and its like, passed on to a container's /invocations."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from harness.config.faults import times
from harness.console import plain
from harness.local.core.debug import debugger
from harness.local.data import s3_objects
from harness.local.hosting import stateful
from harness.local.hosting.asynchronous import Invocation
from harness.local.hosting.containers.upstream import MalformedError
from harness.local.hosting.endpoint import Endpoint
from harness.local.protocol.errors import AwsError
from harness.local.protocol.members import UNKNOWN

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.hosting.containers.upstream import Answer
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

INVOCATION_TIMEOUT = 60.0
"""Seconds within which a container must answer (InvokeEndpoint in AWS's API reference)."""

MAX_BODY = 6_291_456
"""Bytes of an answer that isn't streamed (InvokeEndpoint's output in AWS's service model)."""

TOLD_EVERY = 1.0
"""Seconds between two lines of the log about one endpoint's calls."""

MAX_MESSAGE = 1024
"""Characters of the container's own words that an error passes on."""

# Members of the request that go to the container as headers, by the header's name.
_HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}

# Members that any endpoint takes.
_TAKEN = frozenset((*_HEADERS, "EndpointName", "Body", "TargetVariant"))

# What is said of those that need an endpoint of another kind; where they are known, AWS's words.
_NOT_TAKEN = {
    "TargetModel": (
        "Endpoint {name} is not a multi-model endpoint and does not support target model header."
    ),
    "TargetContainerHostname": (
        "Endpoint {name} is not configured for direct invocation and does not support target "
        "container hostname header."
    ),
    "InferenceComponentName": (
        "Inference Component Name header is not allowed for endpoints to which you dont plan to "
        "deploy inference components. Please remove the Inference Component Name header and try "
        "again."
    ),
    "EnableExplanations": (
        "Endpoint {name} has no explainer and does not support enable explanations header."
    ),
    "PrefixAwareId": (
        "Endpoint {name} does not route requests by their prefixes and does not support prefix "
        "aware id header."
    ),
}


class Runtime:
    """InvokeEndpoint and InvokeEndpointWithResponseStream, in the loop.

    Neither the request nor the answer is passed on before it is whole, so that no client that is
    slow to send or to read holds up a container. A response stream is passed on as it comes.
    """

    def __init__(self, backend: Backend) -> None:
        self._endpoints: Table[Endpoint] = backend.store.table(Endpoint.kind)
        self._tally = _Tally()

    async def invoke_endpoint(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request, self._tally)
        try:
            answer = await call.send()
            body = await call.read(answer)
            if call.variant.capture is not None:
                call.variant.capture.take(request, answer.header("content-type"), body)
            return {"Body": body, **call.members(answer)}
        finally:
            call.end()

    async def invoke_endpoint_with_response_stream(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request, self._tally)
        try:
            answer = await call.send()
        except BaseException:
            call.end()
            raise
        return {"Body": _Parts(call, answer, request), **call.members(answer)}

    def _find(self, context: RequestContext, request: dict[str, Any]) -> Endpoint:
        endpoint = found(self._endpoints, context, request["EndpointName"])
        if not _TAKEN.issuperset(request):
            for member, words in _NOT_TAKEN.items():
                if member in request:
                    raise AwsError("ValidationError", words.format(name=endpoint.name))
            unknown = min(request.keys() - _TAKEN)
            raise AwsError("ValidationError", f"{unknown}: {UNKNOWN.text}.")
        if endpoint.is_async:
            raise AwsError(
                "ValidationError",
                f"Endpoint {endpoint.name} is an asynchronous inference endpoint; use "
                "InvokeEndpointAsync.",
            )
        return endpoint


class AsyncRuntime:
    """InvokeEndpointAsync."""

    def __init__(self, backend: Backend) -> None:
        self._endpoints: Table[Endpoint] = backend.store.table(Endpoint.kind)

    def invoke_endpoint_async(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        endpoint = found(self._endpoints, context, request["EndpointName"])
        config = endpoint.config.get("AsyncInferenceConfig")
        if config is None:
            raise AwsError(
                "ValidationError",
                f"Endpoint {endpoint.name} is not an asynchronous inference endpoint; use "
                "InvokeEndpoint.",
            )
        if bool(request.get("Body")) == ("InputLocation" in request):
            raise AwsError(
                "ValidationError", "Exactly one of Body and InputLocation must be given."
            )
        try:
            s3_objects.split(request.get("InputLocation", "s3://none/none"))
        except s3_objects.DataError as error:
            raise AwsError("ValidationError", f"InputLocation: {error}.") from error
        invocation = Invocation.of(request, config)
        endpoint.queue.add(invocation, config)
        return invocation.answer


def found(endpoints: Table[Endpoint], context: RequestContext, name: str) -> Endpoint:
    """The endpoint of this name, if it serves. Raises AWS's `ValidationError`."""
    endpoint = endpoints.find(context, name)
    if endpoint is None or endpoint.status not in ("InService", "Updating"):
        raise AwsError(
            "ValidationError", f"Endpoint {name} of account {context.account_id} not found."
        )
    return endpoint


class _Call:
    """One request to one container of an endpoint."""

    def __init__(
        self,
        context: RequestContext,
        endpoint: Endpoint,
        request: dict[str, Any],
        tally: _Tally,
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._request = request
        self._tally = tally
        self._start = time.monotonic()
        self._failure: str | None = None
        self._answer: Answer | None = None
        self._has_ended = False
        session = request.get("SessionId")
        self.variant, self._instance = (
            endpoint.acquire_session(session)
            if session and session != stateful.NEW
            else endpoint.acquire(request.get("TargetVariant"))
        )

    async def send(self) -> Answer:
        """Send the request; returns at the answer's head, if it is a 2xx."""
        headers = {
            header: self._request[member]
            for member, header in _HEADERS.items()
            if self._request.get(member)
        }
        limit = debugger.SECONDS if self._instance.is_debugged else INVOCATION_TIMEOUT
        try:
            answer = await self._instance.connections.ask(
                "/invocations", headers, self._request.get("Body", b""), limit
            )
        except OSError as error:
            raise self._broken(error) from error
        self._answer = answer
        if not 200 <= answer.status < 300:
            raise self._error(answer.status, await self._beginning(answer))
        return answer

    def members(self, answer: Answer) -> dict[str, Any]:
        """The members of the result that aren't its body."""
        members = {
            "ContentType": answer.header("content-type"),
            "InvokedProductionVariant": self.variant.name,
            "CustomAttributes": answer.header(_HEADERS["CustomAttributes"].lower()),
        }
        if "SessionId" in self._request:
            members |= self._session(answer)
        return members

    def _session(self, answer: Answer) -> dict[str, Any]:
        """What the container says of a stateful session."""
        sessions = self._endpoint.sessions
        new = answer.header("x-amzn-sagemaker-new-session-id")
        closed = answer.header("x-amzn-sagemaker-closed-session-id")
        if new:
            sessions.began(new, self.variant, self._instance)
        if closed:
            sessions.closed(closed)
        return {"NewSessionId": new, "ClosedSessionId": closed}

    async def read(self, answer: Answer) -> bytes:
        """The whole answer."""
        if (whole := answer.whole()) is not None and len(whole) <= MAX_BODY:
            return whole
        if int(answer.header("content-length") or 0) > MAX_BODY:
            raise self._too_large()
        body = bytearray()
        while piece := await self.piece(answer):
            body += piece
            if len(body) > MAX_BODY:
                raise self._too_large()
        return bytes(body)

    async def _beginning(self, answer: Answer) -> bytes:
        """As much of the answer as an error passes on."""
        body = bytearray()
        # That many bytes are the most that so many characters can take.
        while len(body) <= 4 * MAX_MESSAGE and (piece := await self.piece(answer)):
            body += piece
        return bytes(body)

    async def piece(self, answer: Answer) -> bytes:
        """What comes next of the answer, none at its end."""
        try:
            return await answer.read()
        except OSError as error:
            raise self._broken(error) from error

    def end(self) -> None:
        """Give the connection back, and let the container have another request."""
        if not self._has_ended:
            self._has_ended = True
            if self._answer is not None:
                self._answer.close()
            self._instance.release()
            self._tally.add(self._endpoint.name, time.monotonic() - self._start, self._failure)

    def _broken(self, error: OSError) -> AwsError:
        return self._error(0, _words(error))

    def _too_large(self) -> AwsError:
        return self._error(0, b"The container's response is larger than %d bytes." % MAX_BODY)

    def _error(self, status: int, body: bytes) -> AwsError:
        whose = "client" if 400 <= status < 500 else "server"
        words = body.decode("utf-8", "replace")[:MAX_MESSAGE]
        self._failure = f"{status or 'no answer'}: {plain(words)}"
        group = self._endpoint.log_group
        region = self._context.region
        return AwsError(
            "ModelError",
            f'Received {whose} error ({status}) from primary with message "{words}". '
            f"See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#logEventViewer:group={group} in account {self._context.account_id} for more "
            "information.",
            OriginalStatusCode=status,
            OriginalMessage=words,
            LogStreamArn=self._context.arn(f"log-group:{group}", service="logs"),
        )


class _Tally:
    """Says in the log what is asked of endpoints: each call, but one line a second for the more."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(self, endpoint: str, seconds: float, failure: str | None) -> None:
        """Take in a call that has ended, and how it failed."""
        if not _log.isEnabledFor(logging.INFO):
            return
        if (count := self._counts.get(endpoint)) is not None:
            count.add(seconds, failure)
            return
        _log.info(
            "endpoint %s: invoked, %s in %.1f ms", endpoint, failure or "answered", seconds * 1000
        )
        self._begin(endpoint)

    def _begin(self, endpoint: str) -> None:
        self._counts[endpoint] = _Count()
        asyncio.get_running_loop().call_later(TOLD_EVERY, self._tell, endpoint)

    def _tell(self, endpoint: str) -> None:
        count = self._counts.pop(endpoint)
        if count.calls:
            _log.info("endpoint %s: invoked %s", endpoint, count)
            self._begin(endpoint)


class _Count:
    """Calls that have ended within a second."""

    def __init__(self) -> None:
        self.calls = 0
        self._failures = 0
        self._seconds = 0.0
        self._last = ""

    def add(self, seconds: float, failure: str | None) -> None:
        self.calls += 1
        self._seconds += seconds
        if failure is not None:
            self._failures += 1
            self._last = failure

    def __str__(self) -> str:
        mean = 1000 * self._seconds / self.calls
        failed = f"; {self._failures} failed, the last with {self._last}" if self._failures else ""
        return f"{times(self.calls)}, {mean:.1f} ms each{failed}"


class _Parts:
    """The answer as the events of a response stream."""

    def __init__(self, call: _Call, answer: Answer, request: dict[str, Any]) -> None:
        self._call = call
        self._answer = answer
        self._request = request
        self._captured: bytearray | None = bytearray() if call.variant.capture else None

    async def next(self) -> dict[str, Any] | None:
        try:
            piece = await self._answer.read()
        except OSError as error:
            is_late = isinstance(error, TimeoutError)
            raise AwsError(
                "ModelStreamError",
                _words(error).decode(),
                ErrorCode="ModelInvocationTimeExceeded" if is_late else "StreamBroken",
            ) from error
        if self._captured is not None:
            self._capture(piece)
        return {"PayloadPart": {"Bytes": piece}} if piece else None

    def _capture(self, piece: bytes) -> None:
        """Capture the answer once it is whole, unless it is larger than one that isn't streamed."""
        if self._captured is None or self._call.variant.capture is None:
            return
        self._captured += piece
        if not piece:
            self._call.variant.capture.take(
                self._request, self._answer.header("content-type"), bytes(self._captured)
            )
        if not piece or len(self._captured) > MAX_BODY:
            self._captured = None

    async def close(self) -> None:
        self._call.end()


def _words(error: OSError) -> bytes:
    """How a container has failed to answer, or to go on with it."""
    if isinstance(error, TimeoutError):
        return (
            b"Your invocation timed out while waiting for a response from container primary. "
            b"Review the latency metrics for each container in Amazon CloudWatch, resolve the "
            b"issue, and try again."
        )
    if isinstance(error, MalformedError):
        return f"The container's answer is not valid HTTP: {error}.".encode()
    return b"The container closed the connection, or did not accept it, before it answered."
