"""SageMaker Runtime: InvokeEndpoint, passed on to a container's /invocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.hosting.endpoint import Endpoint
from harness.local.hosting.upstream import MalformedError
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.hosting.upstream import Answer
    from harness.local.protocol.messages import RequestContext

INVOCATION_TIMEOUT = 60.0
"""Seconds within which a container must answer (InvokeEndpoint in AWS's API reference)."""

MAX_BODY = 6_291_456
"""Bytes of an answer that isn't streamed (InvokeEndpoint's output in AWS's service model)."""

MAX_MESSAGE = 1024
"""Characters of the container's own words that an error passes on."""

# Members of the request that go to the container as headers, by the header's name.
_HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}


class Runtime:
    """InvokeEndpoint and InvokeEndpointWithResponseStream, in the loop.

    Neither the request nor the answer is passed on before it is whole, so that no client that is
    slow to send or to read holds up a container. A response stream is passed on as it comes.
    """

    def __init__(self, backend: Backend) -> None:
        self._endpoints: Table[Endpoint] = backend.store.table(Endpoint.kind)

    async def invoke_endpoint(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request)
        try:
            answer = await call.send()
            return {"Body": await call.read(answer), **call.members(answer)}
        finally:
            call.end()

    async def invoke_endpoint_with_response_stream(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request)
        try:
            answer = await call.send()
        except BaseException:
            call.end()
            raise
        return {"Body": _Parts(call, answer), **call.members(answer)}

    def _find(self, context: RequestContext, request: dict[str, Any]) -> Endpoint:
        name = request["EndpointName"]
        endpoint = self._endpoints.find(context, name)
        if endpoint is None or endpoint.status not in ("InService", "Updating"):
            raise AwsError(
                "ValidationError", f"Endpoint {name} of account {context.account_id} not found."
            )
        return endpoint


class _Call:
    """One request to one container of an endpoint."""

    def __init__(
        self, context: RequestContext, endpoint: Endpoint, request: dict[str, Any]
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._request = request
        self._answer: Answer | None = None
        self._has_ended = False
        self.variant, self._instance = endpoint.acquire(request.get("TargetVariant"))

    async def send(self) -> Answer:
        """Send the request; returns at the answer's head, if it is a 2xx."""
        headers = {
            header: self._request[member]
            for member, header in _HEADERS.items()
            if self._request.get(member)
        }
        try:
            answer = await self._instance.connections.ask(
                "/invocations", headers, self._request.get("Body", b""), INVOCATION_TIMEOUT
            )
        except OSError as error:
            raise self._broken(error) from error
        self._answer = answer
        if not 200 <= answer.status < 300:
            raise self._error(answer.status, await self._beginning(answer))
        return answer

    def members(self, answer: Answer) -> dict[str, Any]:
        """The members of the result that aren't its body."""
        return {
            "ContentType": answer.header("content-type"),
            "InvokedProductionVariant": self.variant.name,
            "CustomAttributes": answer.header(_HEADERS["CustomAttributes"].lower()),
        }

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

    def _broken(self, error: OSError) -> AwsError:
        return self._error(0, _words(error))

    def _too_large(self) -> AwsError:
        return self._error(0, b"The container's response is larger than %d bytes." % MAX_BODY)

    def _error(self, status: int, body: bytes) -> AwsError:
        whose = "client" if 400 <= status < 500 else "server"
        words = body.decode("utf-8", "replace")[:MAX_MESSAGE]
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


class _Parts:
    """The answer as the events of a response stream."""

    def __init__(self, call: _Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer

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
        return {"PayloadPart": {"Bytes": piece}} if piece else None

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
