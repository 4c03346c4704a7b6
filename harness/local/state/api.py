"""The whole of it over HTTP: forgotten, saved, and taken up again.

POST   /_harness/reset        forget everything, and end what runs
POST   /moto-api/reset        the same, by the name that moto's own server has for it
GET    /_harness/state        the state folder, and when a state was saved there
POST   /_harness/state        save everything there
POST   /_harness/state/load   forget everything, and take up what was saved there

Nothing of a request but its path counts: which folder it is was said when the service was started,
and no client can hand in a state, or name a file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.errors import ServiceError
from harness.local.protocol.messages import Request, Response
from harness.local.state.keeper import NoFolderError

if TYPE_CHECKING:
    from harness.local.state.keeper import Keeper

RESET_PATH = "/_harness/reset"
STATE_PATH = "/_harness/state"
LOAD_PATH = f"{STATE_PATH}/load"
MOTO_RESET_PATH = "/moto-api/reset"

_PATHS = (RESET_PATH, STATE_PATH, LOAD_PATH)


def respond(keeper: Keeper, request: Request) -> Response | None:
    """The response; None if it asks for something else."""
    asked = request.method, request.path.rstrip("/")
    if asked[1] not in _PATHS and asked != ("POST", MOTO_RESET_PATH):
        return None
    try:
        match asked:
            case "POST", "/_harness/reset" | "/moto-api/reset":
                keeper.reset()
                return _json(200, status="ok")
            case "GET", "/_harness/state":
                return _json(200, **_about(keeper))
            case "POST", "/_harness/state":
                keeper.save()
                return _json(200, **_about(keeper))
            case "POST", "/_harness/state/load":
                keeper.load()
                return _json(200, **_about(keeper))
    except NoFolderError as error:
        return _json(409, error=str(error))
    except ServiceError as error:
        return _json(500, error=str(error))
    asked_by = "GET or POST" if asked[1] == STATE_PATH else "POST"
    return _json(405, error=f"{request.method} {request.path}: this is asked for by {asked_by}.")


def _about(keeper: Keeper) -> dict[str, Any]:
    return {"folder": str(keeper.folder.path), "saved": keeper.folder.saved}


def _json(http_status: int, /, **members: Any) -> Response:
    headers = {"Content-Type": "application/json"}
    return Response(http_status, headers, json.dumps(members).encode())
