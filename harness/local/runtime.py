"""SageMaker Runtime: InvokeEndpoint, passed on to a container's /invocations."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import urllib3

from harness.local.protocol import AwsError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from harness.local.backend import Backend
    from harness.local.endpoints import Endpoint
    from harness.local.protocol import RequestContext

INVOCATION_TIMEOUT = 60.0
"""Seconds within which a container must answer (InvokeEndpoint in AWS's API reference)."""

MAX_BODY = 6_291_456
"""Bytes of an answer that isn't streamed (InvokeEndpoint's output in AWS's service model)."""

MAX_MESSAGE = 1024
"""Characters of the container's own words that an error passes on."""

CHUNK = 65_536

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
        self._store = backend.store

    def invoke_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request)
        response = call.send()
        return {
            "Body": call.read(response),
            "ContentType": response.headers.get("Content-Type"),
            "InvokedProductionVariant": call.variant.name,
            "CustomAttributes": response.headers.get(_HEADERS["CustomAttributes"]),
        }

    def invoke_endpoint_with_response_stream(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        call = _Call(context, self._find(context, request), request)
        response = call.send()
        return {
            "Body": call.parts(response),
            "ContentType": response.headers.get("Content-Type"),
            "InvokedProductionVariant": call.variant.name,
            "CustomAttributes": response.headers.get(_HEADERS["CustomAttributes"]),
        }

    def _find(self, context: RequestContext, request: dict[str, Any]) -> Endpoint:
        name = request["EndpointName"]
        endpoint = self._store.endpoints.get(context.arn(f"endpoint/{name}"))
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
        self._deadline = time.monotonic() + INVOCATION_TIMEOUT
        self._ended = False
        self.variant, self._instance = endpoint.acquire(request.get("TargetVariant"))

    def send(self) -> urllib3.BaseHTTPResponse:
        """Send the request; returns at the answer's headers, if it is a 2xx."""
        headers = {
            header: self._request[member]
            for member, header in _HEADERS.items()
            if self._request.get(member)
        }
        try:
            response = self._instance.http.urlopen(
                "POST",
                "/invocations",
                body=self._request.get("Body", b""),
                headers=headers,
                timeout=urllib3.Timeout(connect=5, read=INVOCATION_TIMEOUT),
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            self._end()
            raise self._broken(error) from error
        except BaseException:
            self._end()
            raise
        if not 200 <= response.status < 300:
            raise self._error(response.status, self._beginning(response))
        return response

    def read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """The whole answer."""
        body = bytearray()
        with contextlib.closing(self._chunks(response)) as chunks:
            for chunk in chunks:
                body += chunk
                if len(body) > MAX_BODY:
                    raise self._error(
                        0, b"The container's response is larger than %d bytes." % MAX_BODY
                    )
        return bytes(body)

    def _beginning(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """As much of the answer as an error passes on."""
        body = bytearray()
        with contextlib.closing(self._chunks(response)) as chunks:
            for chunk in chunks:
                body += chunk
                if len(body) > 4 * MAX_MESSAGE:  # the most that so many characters can take
                    break
        return bytes(body)

    def parts(self, response: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
        """The answer as the events of a response stream."""
        parts = self._parts(response)
        next(parts)  # so that it can be closed, and gives the container back, before it is read
        return parts

    def _parts(self, response: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
        try:
            yield {}
            for chunk in self._chunks(response):
                yield {"PayloadPart": {"Bytes": chunk}}
        finally:
            self._end(response)

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Generator[bytes, None, None]:
        try:
            while chunk := response.read1(CHUNK):
                yield chunk
                if time.monotonic() > self._deadline:
                    raise self._timed_out()
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise self._broken(error) from error
        finally:
            self._end(response)

    def _end(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        if response is not None:
            response.close()  # where it wasn't read to its end, its connection is of no more use
        if not self._ended:
            self._ended = True
            self._instance.release()

    def _broken(self, error: urllib3.exceptions.HTTPError) -> AwsError:
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            return self._timed_out()
        return self._error(
            0, b"The container closed the connection, or did not accept it, before it answered."
        )

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
