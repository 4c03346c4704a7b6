"""An error as a service would answer with it, in the protocol that the request is in."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from harness.local.faults import calls
from harness.local.protocol.messages import Request, Response

if TYPE_CHECKING:
    from harness.config.faults import Fault
    from harness.local.faults.calls import Call

HEADER = "x-harness-fault"
"""The response's header with the rule that is to blame."""

_THROTTLING = {
    "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded",
    "SlowDown",
}  # fmt: skip

_STATUSES = {
    "InternalFailure": 500, "InternalError": 500, "InternalServerError": 500,
    "InternalServerException": 500, "ServiceUnavailable": 503, "ServiceUnavailableException": 503,
    "SlowDown": 503, "AccessDenied": 403, "AccessDeniedException": 403, "ExpiredToken": 403,
    "NoSuchKey": 404, "NoSuchBucket": 404,
}  # fmt: skip
"""HTTP statuses that aren't 400, of errors that no model has."""

_WORDS = {
    "SlowDown": "Please reduce your request rate.",
    "InternalFailure": "We encountered an internal error. Please try again.",
    "InternalError": "We encountered an internal error. Please try again.",
    "ServiceUnavailable": "Service is unable to handle request.",
}


def error(request: Request, call: Call, fault: Fault, rule: str, mark: str) -> Response:
    """The response; `mark` stands in its message, and `rule` in a header."""
    code = _code(call.service, fault)
    status = fault.status or calls.error_status(call.service, code) or _STATUSES.get(code, 400)
    words = fault.message or _WORDS.get(
        code, "Rate exceeded" if code in _THROTTLING else "An error on demand."
    )
    kind, body = _body(request, call, code, f"{words} ({mark})")
    headers = {
        HEADER: rule,
        "x-amzn-RequestId": rule,
        "x-amzn-ErrorType": code,
        "Content-Type": kind,
    }
    if kind == _CBOR:
        headers["smithy-protocol"] = "rpc-v2-cbor"
    return Response(status, headers, b"" if request.method == "HEAD" else body)


def _code(service: str, fault: Fault) -> str:
    if not fault.error:
        return "ServiceUnavailable" if fault.status == 503 else "InternalFailure"
    if fault.error in _THROTTLING and service == "s3":
        return "SlowDown"
    if fault.error == "Throttling" and service not in ("sts", "iam"):
        return "ThrottlingException"
    return fault.error


_CBOR = "application/cbor"


def _body(request: Request, call: Call, code: str, words: str) -> tuple[str, bytes]:
    """Content type and body."""
    kind = request.headers.get("content-type", "")
    text = f"<Code>{escape(code)}</Code><Message>{escape(words)}</Message>"
    if call.service == "s3":
        return "application/xml", f"<Error>{text}</Error>".encode()
    if kind.startswith("application/x-www-form-urlencoded") or "Action=" in request.query:
        return "text/xml", f"<ErrorResponse><Error>{text}</Error></ErrorResponse>".encode()
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        pairs = {"__type": code, "message": words}
        texts = (_cbor(each) for pair in pairs.items() for each in pair)
        return _CBOR, bytes([0xA0 + len(pairs)]) + b"".join(texts)
    return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": words}).encode()


def _cbor(text: str) -> bytes:
    """A text in CBOR (RFC 8949)."""
    data = text.encode()
    return b"\x79" + struct.pack(">H", len(data)) + data
