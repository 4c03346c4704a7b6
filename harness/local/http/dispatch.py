"""Who answers a request: the page, a service that runs here, or moto."""

from __future__ import annotations

import dataclasses
import errno
import http
import io
import json
import time
from typing import TYPE_CHECKING

from harness.local.faults import api
from harness.local.faults.calls import READ_LIMIT
from harness.local.http.bodies import drain, read, send
from harness.local.http.trust import refusal
from harness.local.moto.app import Refusal
from harness.local.protocol.errors import LeaveToMoto
from harness.local.protocol.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from harness.local.faults.faults import Faults
    from harness.local.http.page import Page
    from harness.local.http.trust import Trust
    from harness.local.moto.app import MotoApp
    from harness.local.protocol.messages import Request
    from harness.local.protocol.service import Service

HEALTH_PATH = "/_harness/health"


class Dispatch:
    """The WSGI application of a local AWS.

    `about` is what its health check says of it. Without `page`, browsers get what SDKs do.
    """

    def __init__(
        self,
        trust: Trust,
        page: Page | None,
        services: Collection[Service],
        moto: MotoApp,
        about: Mapping[str, str],
        faults: Faults,
    ) -> None:
        self._trust = trust
        self._page = page
        self._services = services
        self._moto = moto
        self._about = about
        self._faults = faults

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = read(environ)
        if not self._trust.allows(request):
            drain(request.stream)
            return send(self._trust.refusal(request), start_response)
        if request.path == HEALTH_PATH:
            return send(self._health(), start_response)
        if (response := api.respond(self._faults, request)) is not None:
            return send(response, start_response)
        if self._page is not None and (response := self._page.respond(request)) is not None:
            return send(response, start_response)
        if self._faults.concerns_calls:
            request = _readable(request, environ)
            if (response := self._disturb(request)) is not None:
                drain(request.stream)
                return send(response, start_response)
        for service in self._services:
            if service.match(request) is None:
                continue
            try:
                response = service.respond(request)
            except LeaveToMoto as leave:
                if leave.body is not None:
                    environ["wsgi.input"] = io.BytesIO(leave.body)
                    environ["CONTENT_LENGTH"] = str(len(leave.body))
                break
            if response.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                drain(request.stream)
            return send(response, start_response)
        try:
            return self._moto.answer(request, environ, start_response)
        except Refusal as refused:
            drain(request.stream)
            return send(refused.response, start_response)

    def _disturb(self, request: Request) -> Response | None:
        """Do what faults on demand say: wait, break off, or answer; None: it goes on."""
        verdict = self._faults.verdict(request, lambda: _peek(request))
        if verdict is None:
            return None
        time.sleep(verdict.latency)
        if verdict.reset:
            raise ConnectionResetError(errno.ECONNRESET, "a fault on demand")
        return verdict.response

    def only_for(self, accepts: Callable[[str], bool]) -> WSGIApplication:
        """The same for the clients whose address `accepts` takes; the others are refused."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if accepts(environ["REMOTE_ADDR"]):
                return self(environ, start_response)
            drain(environ["wsgi.input"])
            return send(refusal("The local AWS answers containers here."), start_response)

        return answer

    def _health(self) -> Response:
        document = {"status": "ok", **self._about}
        return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _readable(request: Request, environ: WSGIEnvironment) -> Request:
    """The same, whose body can be looked into if it is short, and read once more."""
    if request.length is None or request.length > READ_LIMIT:
        return request
    body = io.BytesIO(request.stream.read(request.length))
    environ["wsgi.input"] = body
    return dataclasses.replace(request, stream=body)


def _peek(request: Request) -> bytes:
    """All of a body that `_readable` has read."""
    body = request.stream
    return body.getvalue() if isinstance(body, io.BytesIO) else b""
