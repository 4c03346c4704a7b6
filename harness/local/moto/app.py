"""moto's server as a part of ours: S3, IAM, STS, logs, and whatever else SageMaker isn't.

moto and Flask are imported by the first request, or by `load`, and not with this module.
"""

from __future__ import annotations

import functools
import http
import json
import logging
import re
import sys
import threading
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import escape

from botocore.model import OperationNotFoundError

from harness import disk
from harness.local.moto import iam, s3_streaming
from harness.local.protocol.messages import Request, Response
from harness.local.protocol.responses import internal_failure_text
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask import Flask
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_log = logging.getLogger(__name__)

_users = 0
_users_lock = threading.Lock()


class Refusal(Exception):  # noqa: N818  # an answer, not a fault
    """What the caller gets in place of moto's answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class MotoApp:
    """A WSGI application: moto, for one account, answering in AWS's form what it has not."""

    def __init__(self, account_id: str, region: str, registry: str = "") -> None:
        self._account_id = account_id
        self._region = region
        self._registry = registry
        self._lock = threading.Lock()
        self._loaded: DomainDispatcherApplication | None = None

    def load(self, service: str) -> None:
        """Import and load what `service` needs, ahead of its first request."""
        import moto.iam.models  # noqa: F401  # asked for the account of every request
        from moto.core.utils import get_service_model

        get_service_model(service)
        dispatcher = self._dispatcher
        with dispatcher.lock:
            if service not in dispatcher.app_instances:
                dispatcher.app_instances[service] = self._create_app(service)

    def open(self) -> None:
        """Count as one that uses moto, whose state is that of the whole process."""
        global _users
        with _users_lock:
            _users += 1

    def close(self) -> None:
        """Drop all that moto knows, if no other uses it."""
        global _users
        with _users_lock:
            _users -= 1
            if _users == 0:
                _forget()

    @property
    def _dispatcher(self) -> DomainDispatcherApplication:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._make_dispatcher()
            return self._loaded

    def _make_dispatcher(self) -> DomainDispatcherApplication:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication

        dispatcher = DomainDispatcherApplication(self._create_app)
        # Which looks at 175 directories otherwise, at every request and under a lock.
        cached = functools.lru_cache(maxsize=1024)(dispatcher.get_backend_for_host)
        dispatcher.get_backend_for_host = cached  # type: ignore[method-assign]
        return dispatcher

    def _create_app(self, service: Any) -> Flask:
        from moto.moto_server.werkzeug_app import create_backend_app

        if service is None:
            raise NotImplementedError
        if service in ("iam", "sts"):
            iam.prepare(self._account_id, self._region)
        if service == "ecr":
            from harness.local.moto import ecr  # which imports moto

            ecr.prepare()
        if service == "s3":
            s3_streaming.prepare()
        return create_backend_app(service)

    def answer(
        self, request: Request, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer as a WSGI application does.

        Raises:
            Refusal: moto has no such service or operation, or failed; nothing has been sent yet.
        """
        self._adapt(request, environ)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            # Flask's own page: no route of this service matches. (In S3 any path is one.)
            kind = dict(headers).get("Content-Type", "")
            is_page = status.startswith(("404", "405")) and kind.startswith("text/html")
            if is_page and _service(request) != "s3":
                raise NotImplementedError
            return start_response(status, headers, exc_info)

        try:
            return self._dispatcher(environ, start)  # type: ignore[no-any-return]
        except OperationNotFoundError as error:
            raise Refusal(_unknown(request, http.HTTPStatus.BAD_REQUEST)) from error
        except NotImplementedError as error:
            named = re.match(r"The (\w+) action", str(error))
            operation = named[1].title().replace("_", "") if named else ""
            refusal = _unknown(request, http.HTTPStatus.NOT_IMPLEMENTED, operation)
            raise Refusal(refusal) from error
        except Exception as error:
            if disk.is_full(error):
                text = f"{disk.sentence(error)}."
                _log.error("%s: %s", _asked_for(request), text)  # it says it all
                status = http.HTTPStatus.INSUFFICIENT_STORAGE  # which no SDK tries again
                raise Refusal(_error(request, status, "InsufficientStorage", text)) from error
            request_id = str(uuid.uuid4())
            text = internal_failure_text(_asked_for(request), request_id)
            _log.exception("moto failed: %s", text)
            raise Refusal(
                _error(request, http.HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", text)
            ) from error

    def _adapt(self, request: Request, environ: WSGIEnvironment) -> None:
        """Make of cheroot's environment the one that moto expects of werkzeug's server."""
        environ["RAW_URI"] = environ["REQUEST_URI"]
        environ["PATH_INFO"] = unquote_to_bytes(request.path).decode("latin-1")
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._account_id
        environ["HTTP_X_HARNESS_REGISTRY"] = self._registry  # `ecr.HEADER`
        # S3 tells metadata keys with "_" from those with "-", which WSGI does not.
        environ["moto.preserved_header_names"] = {
            "HTTP_" + name.upper().replace("-", "_"): name
            for name in request.headers
            if name.startswith("x-amz-meta-") and "_" in name
        }


def _forget() -> None:
    """Drop all that moto knows, in this whole process."""
    if "moto.core.base_backend" not in sys.modules:
        return  # never used, and slow to import
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    BackendDict.reset()
    reset_model_data()


def _service(request: Request) -> str:
    """The service by its signing name; moto takes what isn't signed for S3."""
    scope = credential_scope(request)
    return scope[1] if scope else "s3"


def _asked_for(request: Request, operation: str = "") -> str:
    """What the request asks for, in the words of AWS: `iam:SimulatePrincipalPolicy`."""
    target = request.headers.get("x-amz-target", "").rpartition(".")[2]
    return f"{_service(request)}:{target or operation or f'{request.method} {request.path}'}"


def _unknown(request: Request, status: http.HTTPStatus, operation: str = "") -> Response:
    asked_for = _asked_for(request, operation)
    if status is http.HTTPStatus.BAD_REQUEST:
        text = f"There is no operation {asked_for}."
    else:
        text = f"Neither the harness nor moto implements {asked_for}."
    return _error(request, status, "UnknownOperationException", text)


def _error(request: Request, status: http.HTTPStatus, code: str, message: str) -> Response:
    """An error in the form of the protocol that the request seems to be in."""
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    headers = {"Content-Type": "text/xml", "x-amzn-ErrorType": code}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return Response(status, headers, f"<ErrorResponse>{error}</ErrorResponse>".encode())
    if _service(request) == "s3":
        return Response(status, headers, error.encode())
    headers["Content-Type"] = "application/json"
    return Response(status, headers, json.dumps({"__type": code, "message": message}).encode())
