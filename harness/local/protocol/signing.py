"""What a request's signature says of it. None is verified: here every key is good."""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.local.protocol.messages import Request

_CREDENTIAL_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


def credential_scope(request: Request) -> tuple[str, str] | None:
    """Region and service that a request, or presigned URL, is signed for."""
    match = _credential(request)
    return (match[2], match[3]) if match else None


def access_key(request: Request) -> str:
    """The access key that a request, or presigned URL, is signed with; "" if it isn't signed."""
    match = _credential(request)
    return match[1] if match else ""


def _credential(request: Request) -> re.Match[str] | None:
    if "X-Amz-Credential=" in request.query:
        query = urllib.parse.parse_qs(request.query)
        signed = "Credential=" + query.get("X-Amz-Credential", [""])[0]
    else:
        signed = request.headers.get("authorization", "")
    return _CREDENTIAL_SCOPE.search(signed)
