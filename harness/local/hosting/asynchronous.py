"""Asynchronous inference: requests that wait in an endpoint's queue, and answers in S3.

"Asynchronous inference" in AWS's developer guide.
"""

from __future__ import annotations

import base64
import json
import logging
import tempfile
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from harness.local.core.debug import debugger
from harness.local.data import s3_objects
from harness.local.data.opt_ml import CHUNK
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.hosting.containers.serving import Instance
    from harness.local.hosting.variant import Variant
    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

DEFAULT_CONCURRENT = 4
"""Requests to a container at once, where `MaxConcurrentInvocationsPerInstance` isn't given."""

DEFAULT_TTL = 21_600
"""Seconds that a request may wait in the queue (InvokeEndpointAsync in AWS's API reference)."""

DEFAULT_TIMEOUT = 900
"""Seconds that the container may take for it (the same)."""

MAX_INPUT = 1 << 30
"""Bytes of a request (AWS's quota)."""

MAX_NOTIFIED = 128 * 1024
"""Bytes of an answer that a notification may have in it (`IncludeInferenceResponseIn`)."""

CAPACITY_WAIT = 0.5
"""Seconds after which a request looks again for a container that is healthy."""

_SPOOL = 1 << 20

_SEE_LOGS = "See the SageMaker Endpoint logs in your account for more information."


class _FailedError(Exception):
    """A request that has no answer; the text is AWS's `failureReason`, `body` goes into S3."""

    def __init__(self, reason: str, body: bytes = b"") -> None:
        super().__init__(reason)
        self.body = body or reason.encode()


@dataclass(frozen=True)
class Invocation:
    """A request that waits to be answered, and the places of its answer."""

    request: Mapping[str, Any]
    inference_id: str
    output: str
    failure: str | None
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, request: Mapping[str, Any], config: Mapping[str, Any]) -> Invocation:
        """One with places of its own, by the endpoint's `AsyncInferenceConfig`."""
        places, name = config["OutputConfig"], str(uuid.uuid4())
        folder = places["S3OutputPath"].rstrip("/")
        if extension := request.get("S3OutputPathExtension", "").strip("/"):
            folder = f"{folder}/{extension}"
        failures = places.get("S3FailurePath")
        return cls(
            request,
            request.get("InferenceId") or str(uuid.uuid4()),
            f"{folder}/{request.get('Filename') or f'{name}.out'}",
            f"{failures.rstrip('/')}/{name}-error.out" if failures else None,
        )

    @property
    def answer(self) -> dict[str, Any]:
        """What InvokeEndpointAsync answers."""
        return {
            "InferenceId": self.inference_id,
            "OutputLocation": self.output,
            "FailureLocation": self.failure,
        }

    @property
    def headers(self) -> dict[str, str]:
        """What the container gets beside the body."""
        given = {
            "Content-Type": self.request.get("ContentType"),
            "Accept": self.request.get("Accept"),
            "X-Amzn-SageMaker-Custom-Attributes": self.request.get("CustomAttributes"),
            "X-Amzn-SageMaker-Inference-Id": self.inference_id,
        }
        return {name: value for name, value in given.items() if value}


class Queue:
    """The requests of one endpoint, in threads that are there while it has some.

    Args:
        acquire: a container that may have a request, as `Endpoint.acquire` gives it.
        instances: those that serve.
        stopped: set when the endpoint has gone, and all that waits with it.
    """

    def __init__(
        self,
        backend: Backend,
        context: RequestContext,
        name: str,
        acquire: Callable[[], tuple[Variant, Instance]],
        instances: Callable[[], list[Instance]],
        stopped: threading.Event,
    ) -> None:
        self._backend = backend
        self._context = context
        self._name = name
        self._acquire = acquire
        self._instances = instances
        self._stopped = stopped
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Invocation, Mapping[str, Any]]] = deque()
        self._threads = 0

    def add(self, invocation: Invocation, config: Mapping[str, Any]) -> None:
        """Let it be answered when its turn comes; `config` is the `AsyncInferenceConfig`."""
        client = config.get("ClientConfig", {})
        each = client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENT)
        with self._lock:
            self._waiting.append((invocation, config))
            if self._threads >= each * max(1, len(self._instances())):
                return
            self._threads += 1
        self._backend.spawn(self._work, f"invoke-async-{self._name}")

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._stopped.is_set():
                    self._threads -= 1
                    return
                invocation, config = self._waiting.popleft()
            try:
                self._answer(invocation, config)
            except Exception:  # noqa: BLE001 - the others' turn comes all the same
                _log.exception("endpoint %s: unexpected error", self._name)

    def _answer(self, invocation: Invocation, config: Mapping[str, Any]) -> None:
        told = partial(self._notify, invocation, config["OutputConfig"])
        with tempfile.SpooledTemporaryFile(_SPOOL) as answer:
            try:
                content_type = self._invoke(invocation, answer)
                answer.seek(0)
                body = answer.read(MAX_NOTIFIED + 1)  # before the upload, which closes it
                self._put(invocation.output, answer, content_type)
            except _FailedError as error:
                if self._stopped.is_set():
                    return
                _log.info("endpoint %s: %s: %s", self._name, invocation.inference_id, error)
                self._put_failure(invocation, error)
                told("ErrorTopic", error.body, failureReason=str(error))
                return
            response = {"contentType": content_type, "outputLocation": invocation.output}
            told("SuccessTopic", body, responseParameters=response)

    def _invoke(self, invocation: Invocation, answer: IO[bytes]) -> str:
        """Let a container answer into the file; returns the answer's content type."""
        instance = self._container(invocation)
        try:
            size, body = self._input(invocation)
            limit = invocation.request.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT)
            if instance.is_debugged:
                limit = max(limit, debugger.SECONDS)
            deadline = time.monotonic() + limit
            headers = {**invocation.headers, "Content-Length": str(size)}
            response = instance.http.urlopen(
                "POST", "/invocations", body=body, headers=headers, timeout=limit,
                preload_content=False, decode_content=False, redirect=False,
            )  # fmt: skip
            try:
                while chunk := response.read1(CHUNK):
                    answer.write(chunk)
                    if time.monotonic() > deadline:
                        raise TimeoutError
                response.release_conn()
            finally:
                response.close()
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise _FailedError(
                f"ClientError: Model did not respond within {limit} seconds. {_SEE_LOGS}"
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise _FailedError(
                f"ClientError: Unable to get a response from the model container. {_SEE_LOGS}"
            ) from error
        finally:
            instance.release()
        if not 200 <= response.status < 300:
            answer.seek(0)
            whose = "client" if 400 <= response.status < 500 else "server"
            raise _FailedError(
                f"ClientError: Received {whose} error ({response.status}) from model. {_SEE_LOGS}",
                answer.read(MAX_NOTIFIED),
            )
        return response.headers.get("content-type", "")

    def _container(self, invocation: Invocation) -> Instance:
        """A container that is healthy, waited for as long as the request may wait."""
        limit = invocation.request.get("RequestTTLSeconds", DEFAULT_TTL)
        while True:
            if (datetime.now(UTC) - invocation.received).total_seconds() > limit:
                raise _FailedError(f"ClientError: The request expired after {limit} seconds.")
            try:
                return self._acquire()[1]
            except AwsError:
                if self._stopped.wait(CAPACITY_WAIT):
                    raise _FailedError("ClientError: The endpoint was deleted.") from None

    def _input(self, invocation: Invocation) -> tuple[int, bytes | Iterable[bytes]]:
        if body := invocation.request.get("Body"):
            return len(body), body
        uri = invocation.request["InputLocation"]
        try:
            size, chunks = s3_objects.opened(self._backend.s3, *s3_objects.split(uri))
        except (ClientError, BotoCoreError, s3_objects.DataError) as error:
            reason = s3_objects.reason(error, uri)
            raise _FailedError(f"ClientError: Failed to download {uri}: {reason}.") from error
        if size > MAX_INPUT:
            raise _FailedError(f"ClientError: {uri} has more than {MAX_INPUT} bytes.")
        return size, chunks

    def _put(self, uri: str, content: IO[bytes], content_type: str) -> None:
        content.seek(0)
        kind = {"ContentType": content_type} if content_type else {}
        try:
            bucket, key = s3_objects.split(uri)
            self._backend.s3.upload_fileobj(content, bucket, key, ExtraArgs=kind)
        except (ClientError, BotoCoreError, s3_objects.DataError) as error:
            reason = s3_objects.reason(error, uri)
            raise _FailedError(f"ClientError: Failed to upload {uri}: {reason}.") from error

    def _put_failure(self, invocation: Invocation, error: _FailedError) -> None:
        if invocation.failure is None:
            return
        with tempfile.SpooledTemporaryFile(_SPOOL) as content:
            content.write(error.body)
            try:
                self._put(invocation.failure, content, "")
            except _FailedError as lost:
                _log.warning("endpoint %s: %s", self._name, lost)

    def _notify(
        self,
        invocation: Invocation,
        places: Mapping[str, Any],
        topic: str,
        body: bytes,
        **members: Any,
    ) -> None:
        """Post how it has ended to the topic that is meant for it, if there is one."""
        config = places.get("NotificationConfig", {})
        if topic not in config:
            return
        has_failed = topic == "ErrorTopic"
        kept = {"Accept": "accept", "ContentType": "contentType", "EndpointName": "endpointName",
                "InputLocation": "inputLocation"}  # fmt: skip
        request = invocation.request
        message = {
            "awsRegion": self._context.region,
            "eventTime": _stamp(datetime.now(UTC)),
            "receivedTime": _stamp(invocation.received),
            "invocationStatus": "Failed" if has_failed else "Completed",
            "requestParameters": {
                ours: request[name] for name, ours in kept.items() if name in request
            },
            **members,
            "inferenceId": invocation.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        included = "ERROR_NOTIFICATION_TOPIC" if has_failed else "SUCCESS_NOTIFICATION_TOPIC"
        if included in config.get("IncludeInferenceResponseIn", ()) and len(body) <= MAX_NOTIFIED:
            content = base64.b64encode(body).decode()
            message["responseBody"] = {"content": content, "encoding": "BASE64"}
        try:
            client = self._backend.client("sns", self._context.region)
            client.publish(TopicArn=config[topic], Message=json.dumps(message))
        except (ClientError, BotoCoreError) as error:
            _log.warning("endpoint %s: %s was not told: %s", self._name, config[topic], error)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
