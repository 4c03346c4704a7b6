"""Who answers a request: the page, a service that runs here, or moto."""

from __future__ import annotations

import http
import io
import json
from typing import TYPE_CHECKING

from harness.local.http.bodies import drain, read, send
from harness.local.http.trust import refusal
from harness.local.moto.app import Refusal
from harness.local.protocol.errors import LeaveToMoto
from harness.local.protocol.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from harness.local.http.page import Page
    from harness.local.http.trust import Trust
    from harness.local.moto.app import MotoApp
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
    ) -> None:
        self._trust = trust
        self._page = page
        self._services = services
        self._moto = moto
        self._about = about

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = read(environ)
        if not self._trust.allows(request):
            drain(request.stream)
            return send(self._trust.refusal(request), start_response)
        if request.path == HEALTH_PATH:
            return send(self._health(), start_response)
        if self._page is not None and (response := self._page.respond(request)) is not None:
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
