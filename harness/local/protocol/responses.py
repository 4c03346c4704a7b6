"""What a service answers: an operation's result, or an error, in the form that its model has."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, cast

from harness import memory
from harness.local.protocol import wire
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, ServiceModel, StructureShape

    from harness.local.protocol.messages import RequestContext

# HTTP statuses that aren't 400 of errors for which the model has none. Some are common to all
# services (https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html).
_OTHER_STATUSES = {"InternalFailure": 500, "InternalStreamFailure": 500, "ServiceUnavailable": 503}

_log = logging.getLogger(__name__)


class Responses:
    """Makes the responses of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._is_rest = model.protocol == "rest-json"

    def result(
        self, model: OperationModel, result: Mapping[str, Any], context: RequestContext
    ) -> Response:
        """The response with what an operation's provider has returned."""
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
            make = (
                wire.EventPieces
                if isinstance(result.get(str(shape.event_stream_name)), wire.Events)
                else wire.serialise_events
            )
            return Response(status, headers, make(shape, result, lambda: internal_failure(context)))
        payload = shape.serialization.get("payload")
        if payload is not None:
            return Response(status, headers, wire.must_be(bytes, result[payload], shape))
        document = wire.to_json(shape, result, top=True)
        return Response(status, headers, json.dumps(document).encode())

    def error(self, error: AwsError, context: RequestContext) -> Response:
        """The response with what its provider has raised."""
        headers = self._headers(context) | {"x-amzn-ErrorType": error.code}
        document = {} if self._is_rest else {"__type": error.code}
        document |= self._error_members(error)
        return Response(self._status(error.code), headers, json.dumps(document).encode())

    def _error_members(self, error: AwsError) -> dict[str, Any]:
        if error.code not in self._model.shape_names:
            return {"message": error.message}
        shape = cast("StructureShape", self._model.shape_for(error.code))
        message = next((name for name in shape.members if name.lower() == "message"), "message")
        return {message: error.message, **wire.to_json(shape, error.members, top=True)}

    def _status(self, code: str) -> int:
        known = code in self._model.shape_names
        traits = self._model.shape_for(code).metadata if known else {}
        return int(traits.get("error", {}).get("httpStatusCode", _OTHER_STATUSES.get(code, 400)))

    def _headers(self, context: RequestContext) -> dict[str, str]:
        version = self._model.metadata.get("jsonVersion", "1.1")
        kind = "application/json" if self._is_rest else f"application/x-amz-json-{version}"
        return {"x-amzn-RequestId": context.request_id, "Content-Type": kind}


def too_large(limit: int) -> Response:
    """The response to a body of more bytes than that."""
    # In the words of Netty, AWS's HTTP front end, which knows nothing of AWS's error format.
    text = f"HTTP content length exceeded {limit} bytes."
    return Response(413, {"Content-Type": "text/plain"}, text.encode())


def internal_failure(context: RequestContext) -> AwsError:
    """Log the exception that is being handled; the caller gets one sentence."""
    if isinstance(sys.exception(), MemoryError):
        return _out_of_memory(context)
    _log.exception(
        "%s:%s failed with an unexpected error (request id %s); SDKs retry it up to 10 times",
        context.service,
        context.operation,
        context.request_id,
    )
    text = internal_failure_text(context.operation, context.request_id)
    return AwsError("InternalFailure", text)


def _out_of_memory(context: RequestContext) -> AwsError:
    text = f"{context.operation} failed: {memory.exhausted()}."
    _log.error("%s:%s (request id %s)", context.service, text, context.request_id)
    return AwsError("ServiceUnavailable", text)


def internal_failure_text(operation: str, request_id: str) -> str:
    """What the caller is told of an error that nobody expected; the log has the rest."""
    return (
        f"{operation} failed with an unexpected error in the local AWS; its log says more under "
        f"request id {request_id}."
    )
