"""The rules over HTTP: what `harness faults` and the fixture call, and anybody may.

GET    /_harness/faults       {"faults": […]}
POST   /_harness/faults       a rule as JSON; answers it with its `id`
DELETE /_harness/faults       all of them
DELETE /_harness/faults/ID    this one; answers it, with how often it has `happened`
"""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from harness.local.faults.faults import MOST, TooManyError
from harness.local.protocol.messages import Request, Response

if TYPE_CHECKING:
    from harness.local.faults.faults import Faults

PATH = "/_harness/faults"

BODY_LIMIT = 64 << 10
"""Bytes of a rule."""


def respond(faults: Faults, request: Request) -> Response | None:
    """The response; None if it asks for something else."""
    if request.path != PATH and not request.path.startswith(f"{PATH}/"):
        return None
    name = urllib.parse.unquote(request.path[len(PATH) + 1 :])
    if request.method == "GET" and not name:
        return _json(200, faults=[rule.as_dict() for rule in faults.rules])
    if request.method == "POST" and not name:
        return _added(faults, request)
    if request.method == "DELETE":
        if request.path == PATH:
            faults.clear()
            return _json(200, faults=[])
        if not name:
            return _json(400, error=f"the fault's name is missing after {PATH}/")
        if removed := faults.remove(name):
            return _json(200, **removed.as_dict())
        return _json(404, error=f"there is no fault {name}")
    return _json(405, error=f"{request.method} {request.path} is nothing that can be asked for")


def _added(faults: Faults, request: Request) -> Response:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return _json(415, error="a fault is sent as application/json")
    if (request.length or 0) > BODY_LIMIT:
        return _json(413, error=f"a fault has no more than {BODY_LIMIT} bytes")
    from pydantic import ValidationError

    from harness.config.faults import Fault, problem  # not with this module: few need it

    body = bytearray()
    while len(body) <= BODY_LIMIT and (piece := request.stream.read(BODY_LIMIT)):
        body += piece
    if len(body) > BODY_LIMIT:
        return _json(413, error=f"a fault has no more than {BODY_LIMIT} bytes")
    try:
        return _json(200, **faults.add(Fault.model_validate_json(bytes(body))).as_dict())
    except ValidationError as error:
        return _json(400, error="; ".join(map(problem, error.errors())))
    except TooManyError:
        return _json(400, error=f"there are {MOST} faults already")


def _json(http_status: int, /, **members: Any) -> Response:
    headers = {"Content-Type": "application/json"}
    return Response(http_status, headers, json.dumps(members).encode())
