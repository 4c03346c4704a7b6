"""SageMaker Runtime: InvokeEndpoint, passed on to a container's /invocations."""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeVar, cast

from harness.local.hosting.endpoint import Endpoint
from harness.local.protocol.errors import AwsError, DisconnectedError
from harness.local.protocol.messages import Payload, takes_uploads

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.hosting.upstream import Answer
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

INVOCATION_TIMEOUT = 60.0
"""Seconds within which a container must answer (InvokeEndpoint in AWS's API reference)."""

MAX_BODY = 6_291_456
"""Bytes of an answer that isn't streamed (InvokeEndpoint's output in AWS's service model)."""

MAX_MESSAGE = 1024
"""Characters of the container's own words that an error passes on."""

HELD = 65_536
"""Bytes of an answer that are waited for before its client gets any of them, so that the client is
told where the container breaks off. Of a longer one it sees the connection break off, too."""

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
    """InvokeEndpoint and InvokeEndpointWithResponseStream."""

    def __init__(self, backend: Backend) -> None:
        self._endpoints: Table[Endpoint] = backend.store.table(Endpoint.kind)

    @takes_uploads
    def invoke_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request)
        answer = call.send()
        return {
            "Body": call.payload(answer) if (answer.length or 0) > HELD else call.read(answer),
            **call.members(answer),
        }

    @takes_uploads
    def invoke_endpoint_with_response_stream(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request)
        answer = call.send()
        return {"Body": call.parts(answer), **call.members(answer)}

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
        self._deadline = 0.0
        self._ended = False
        self.variant, self._instance = endpoint.acquire(request.get("TargetVariant"))

    def send(self) -> Answer:
        """Send the request; returns at the answer's head, if it is a 2xx."""
        headers = {
            header: self._request[member]
            for member, header in _HEADERS.items()
            if self._request.get(member)
        }
        try:
            connection = self._instance.connections.send(
                "/invocations", headers, self._request.get("Body", b""), INVOCATION_TIMEOUT
            )
            self._deadline = time.monotonic() + INVOCATION_TIMEOUT
            answer = connection.answer()
        except DisconnectedError:  # the client, not the container
            self._end()
            raise
        except (OSError, HTTPException) as error:
            self._end()
            raise self._broken(error) from error
        except BaseException:
            self._end()
            raise
        if not 200 <= answer.status < 300:
            raise self._error(answer.status, self._beginning(answer))
        return answer

    def members(self, answer: Answer) -> dict[str, Any]:
        """The members of the result that aren't its body."""
        return {
            "ContentType": answer.header("content-type"),
            "InvokedProductionVariant": self.variant.name,
            "CustomAttributes": answer.header(_HEADERS["CustomAttributes"].lower()),
        }

    def read(self, answer: Answer) -> bytes:
        """The whole answer."""
        body = bytearray()
        with contextlib.closing(self._chunks(answer)) as chunks:
            for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY:
                    raise self._too_large()
        return bytes(body)

    def payload(self, answer: Answer) -> Payload:
        """An answer whose length is known, to be passed on as it arrives."""
        length = cast("int", answer.length)
        if length > MAX_BODY:
            self._end(answer)
            raise self._too_large()
        return Payload(length, _begun(self._pieces(answer)))

    def _pieces(self, answer: Answer) -> Generator[bytes, None, None]:
        try:
            yield b""
            yield from self._chunks(answer)
        except AwsError as error:  # whose status would come too late
            _log.warning("endpoint %s: an answer broke off: %s", self._endpoint.name, error)
            raise ConnectionAbortedError(errno.ECONNABORTED, error.message) from error
        finally:
            self._end(answer)

    def _beginning(self, answer: Answer) -> bytes:
        """As much of the answer as an error passes on."""
        body = bytearray()
        with contextlib.closing(self._chunks(answer)) as chunks:
            for chunk in chunks:
                body += chunk
                if len(body) > 4 * MAX_MESSAGE:  # the most that so many characters can take
                    break
        return bytes(body)

    def parts(self, answer: Answer) -> Iterator[dict[str, Any]]:
        """The answer as the events of a response stream."""
        return _begun(self._parts(answer))

    def _parts(self, answer: Answer) -> Generator[dict[str, Any], None, None]:
        try:
            yield {}
            for chunk in self._chunks(answer):
                yield {"PayloadPart": {"Bytes": chunk}}
        finally:
            self._end(answer)

    def _chunks(self, answer: Answer) -> Generator[bytes, None, None]:
        try:
            while chunk := answer.read1():
                yield chunk
                if time.monotonic() > self._deadline:
                    raise self._timed_out()
        except (OSError, HTTPException) as error:
            raise self._broken(error) from error
        finally:
            self._end(answer)

    def _end(self, answer: Answer | None = None) -> None:
        if answer is not None:
            answer.close()
        if not self._ended:
            self._ended = True
            self._instance.release()

    def _broken(self, error: OSError | HTTPException) -> AwsError:
        if isinstance(error, TimeoutError):
            return self._timed_out()
        return self._error(
            0, b"The container closed the connection, or did not accept it, before it answered."
        )

    def _too_large(self) -> AwsError:
        return self._error(0, b"The container's response is larger than %d bytes." % MAX_BODY)

    def _timed_out(self) -> AwsError:
        return self._error(
            0,
            b"Your invocation timed out while waiting for a response from container primary. "
            b"Review the latency metrics for each container in Amazon CloudWatch, resolve the "
            b"issue, and try again.",
        )

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


def _begun(generator: Generator[_T, None, None]) -> Generator[_T, None, None]:
    """The same, past its first item, so that its close() ends it even if nobody has read it."""
    next(generator)
    return generator
