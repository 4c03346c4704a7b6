"""AWS's errors on demand: a proxy before the local AWS that answers chosen operations with them.

Operations are named as in IAM's actions, by the service's signing name and the API's own name:
`sts:GetCallerIdentity`, `sagemaker:CreateTrainingJob`, `s3:HeadBucket`, `sagemaker:InvokeEndpoint`.
"""

from __future__ import annotations

import fnmatch
import http.client
import json
import threading
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from xml.sax.saxutils import escape

from harness.local.faults import calls
from harness.local.protocol.messages import Request
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from collections.abc import Mapping


_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}
_TIMEOUT = 300
_THROTTLING = {"Throttling", "ThrottlingException", "TooManyRequestsException"}


@dataclass
class Fault:
    """An error, and which calls get it. `times` counts each operation by itself; None: always."""

    operation: str
    code: str
    message: str
    status: int
    times: int | None
    headers: Mapping[str, str]
    answered: Counter[str] = field(default_factory=Counter)

    def takes(self, operation: str) -> bool:
        """Whether this call gets the error; counts it."""
        if not fnmatch.fnmatchcase(operation, self.operation):
            return False
        if self.times is not None and self.answered[operation] >= self.times:
            return False
        self.answered[operation] += 1
        return True


class Faults:
    """A proxy on a free port of loopback, before the AWS at `upstream`. A context manager.

    What no fault is for goes on as it came, and so does the answer.
    """

    def __init__(self, upstream: str) -> None:
        self._address = urllib.parse.urlsplit(upstream).netloc
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._calls: list[str] = []

    def add(
        self,
        operation: str,
        code: str,
        message: str = "Injected.",
        *,
        status: int = 400,
        times: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """From now on, answer calls of `operation` with an error.

        `operation` may have wildcards: `*` for all, `sagemaker:Describe*`. With `times`, the first
        so many calls of each operation get it, and the ones after go through. S3's word for
        throttling is its own, and so is its status.
        """
        fault = Fault(operation, code, message, status, times, headers or {})
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults and calls."""
        with self._lock:
            self._faults.clear()
            self._calls.clear()

    @property
    def calls(self) -> list[str]:
        """The operations that were called, in their order, those that got an error among them."""
        with self._lock:
            return list(self._calls)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"faults": self, "address": self._address})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault_of(self, operation: str) -> Fault | None:
        with self._lock:
            self._calls.append(operation)
            return next((fault for fault in self._faults if fault.takes(operation)), None)


class _Handler(BaseHTTPRequestHandler):
    faults: Faults
    address: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self._body()
        operation = self._operation(body)
        if fault := self.faults.fault_of(operation):
            if fault.code in _THROTTLING and operation.startswith("s3:"):
                fault = replace(fault, code="SlowDown", status=503)
            self._refuse(fault)
        else:
            self._forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)

    def _operation(self, body: bytes) -> str:
        call = calls.named(self._request(body), lambda: body)
        return f"{self._service}:{call.operation}"

    def _request(self, body: bytes = b"") -> Request:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, query, headers, length=len(body))

    @property
    def _service(self) -> str:
        """The service by its signing name."""
        scope = credential_scope(self._request())
        return scope[1] if scope else "unsigned"

    def _refuse(self, fault: Fault) -> None:
        kind, body = self._error(fault)
        self.send_response_only(fault.status)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", "injected")
        self.send_header("x-amzn-ErrorType", fault.code)
        self.send_header("Content-Type", kind)
        self._finish(b"" if self.command == "HEAD" else body)

    def _error(self, fault: Fault) -> tuple[str, bytes]:
        """The error in the form of the protocol that the request is in."""
        if self._service == "s3":
            text = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"
            return "application/xml", f"<Error>{text}</Error>".encode()
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            text = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"
            error = f"<ErrorResponse><Error>{text}</Error></ErrorResponse>"
            return "text/xml", error.encode()
        document = {"__type": fault.code, "message": fault.message}
        return "application/x-amz-json-1.1", json.dumps(document).encode()

    def _forward(self, body: bytes) -> None:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        headers["Content-Length"] = str(len(body))
        upstream = http.client.HTTPConnection(self.address, timeout=_TIMEOUT)
        try:
            upstream.request(self.command, self.path, body, headers)
            response = upstream.getresponse()
            content = response.read()
        finally:
            upstream.close()
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self._finish(content, response.getheader("Content-Length"))

    def _finish(self, body: bytes, length: str | None = None) -> None:
        """`length` is what a HEAD's answer says of the body that it hasn't."""
        said = length if self.command == "HEAD" and length is not None else len(body)
        self.send_header("Content-Length", str(said))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass
