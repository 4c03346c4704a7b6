"""Who answers a request: the page, a service that runs here, or moto."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING

from harness.local.faults import api
from harness.local.protocol.errors import LeaveToMoto
from harness.local.protocol.messages import Request, Response
from harness.local.state import api as state_api

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from harness.local.faults.faults import Faults
    from harness.local.http.trust import Trust
    from harness.local.moto.app import MotoApp
    from harness.local.page.page import Page
    from harness.local.protocol.service import CallInLoop, Service
    from harness.local.state.keeper import Keeper
    from harness.local.state.turns import Turns

OURS = "/_harness/"
HEALTH_PATH = f"{OURS}health"


class Dispatch:
    """Knows all that a local AWS consists of.

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
        keeper: Keeper,
        turns: Turns,
    ) -> None:
        self._trust = trust
        self._page = page
        self._services = services
        self._in_loop = [service for service in services if service.has_coroutines]
        self._moto = moto
        self._about = about
        self._faults = faults
        self._keeper = keeper
        self._turns = turns

    def plan(self, request: Request) -> Response | CallInLoop | None:
        """What can be said before the body is there, in the loop: so nothing here may wait.

        That is the response, or the call that makes it there; None: `respond`.
        """
        if not self._trust.allows(request):
            return self._trust.refusal(request)
        if request.path == HEALTH_PATH:
            return self._health()
        for service in self._in_loop:
            if (call := service.call_in_loop(request)) is not None:
                return call
        return None

    def respond(self, request: Request) -> Response:
        """The response to any other request, in a thread.

        Raises:
            DisconnectedError: the body broke off.
        """
        if (response := api.respond(self._faults, request)) is not None:
            return response
        if (response := state_api.respond(self._keeper, request)) is not None:
            return response
        # Its own requests take their turns, and would wait for this one's otherwise.
        if self._page is not None and (response := self._page.respond(request)) is not None:
            return response
        with self._turns.request():
            return self._answer(request)

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(OURS):  # no bucket's name, which moto would take it for
            error = f"there is no {request.path} here; see docs/how-to/state.md and faults.md."
            body = json.dumps({"error": error}).encode()
            return Response(404, {"Content-Type": "application/json"}, body)
        for service in self._services:
            if service.match(request) is None:
                continue
            try:
                return service.respond(request)
            except LeaveToMoto as leave:
                if leave.body is not None:
                    stream, length = io.BytesIO(leave.body), len(leave.body)
                    request = dataclasses.replace(request, stream=stream, length=length)
                break
        return _sandboxed(request, self._moto.respond(request))

    def _health(self) -> Response:
        document = {"status": "ok", **self._about}
        return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _sandboxed(request: Request, response: Response) -> Response:
    """What a browser shows of S3, without the rights of our own page, which has the same origin.

    An object may be anybody's HTML: a script in it could otherwise do what only the page may.
    """
    if "sec-fetch-mode" not in request.headers:  # no browser
        return response
    policy = "sandbox allow-scripts allow-forms allow-popups allow-downloads"
    return response._replace(headers={**response.headers, "Content-Security-Policy": policy})
