"""moto's server as a part of ours: S3, IAM, STS, logs, and whatever else SageMaker isn't.

moto and Flask are imported by the first request, or by `load`, and not with this module.
"""

from __future__ import annotations

import dataclasses
import functools
import http
import json
import logging
import re
import sys
import threading
import uuid
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from botocore.model import OperationNotFoundError

from harness.limits import disk, memory
from harness.local.moto import (
    bounds,
    iam,
    instances,
    log_events,
    patterns,
    routes,
    s3_streaming,
    sessions,
    wsgi,
)
from harness.local.moto.ours import functions, metrics, operations, refusals, stacks, tags, view
from harness.local.moto.ours.accounts import account_of
from harness.local.protocol.errors import AwsError, DisconnectedError
from harness.local.protocol.messages import Request, Response
from harness.local.protocol.responses import internal_failure_text
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from flask import Flask
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    from harness.local.moto.ours.view import View

_log = logging.getLogger(__name__)

_UNREADABLE = RecursionError | ExpatError | ParseError

_S3_DOCUMENTS = frozenset({
    "accelerate", "acl", "analytics", "cors", "delete", "encryption", "intelligent-tiering",
    "inventory", "legal-hold", "lifecycle", "logging", "metrics", "notification", "object-lock",
    "ownershipControls", "publicAccessBlock", "replication", "requestPayment", "restore",
    "retention", "select", "tagging", "versioning", "website",
})  # fmt: skip
"""The parts of a bucket, and of an object, that are put as XML."""

ALL_SERVICES = "sagemaker-harness[all-services]"
"""What brings the packages that moto's services need and that aren't installed by default."""

REGISTRY_HEADER = "x-harness-registry"
"""`ecr.HEADER`, as requests have it: `ecr` imports moto."""

_users = 0
_users_lock = threading.Lock()


class MotoApp:
    """moto, for one account, answering in AWS's form what it has not."""

    def __init__(
        self, account_id: str, region: str, registry: str = "", ours: View | None = None
    ) -> None:
        self._account_id = account_id
        self.ours = ours
        self._region = region
        self._registry = registry
        self._prepared: set[str] = set()
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

    def reset(self) -> None:
        """Drop all that moto knows, and let it begin with what it began with."""
        _forget()
        self._prepared.clear()
        self.prepare()

    def prepare_for_state(self) -> None:
        """Let moto's classes be as they are once the services are used, to take up a state."""
        from harness.local.moto import ecr  # which imports moto

        _ = self._dispatcher
        ecr.prepare()
        s3_streaming.prepare()
        log_events.prepare()
        sessions.isolate()

    def prepare(self) -> None:
        """Let IAM and STS, if they have been asked by now, have what they lack."""
        if self._loaded and {"iam", "sts"} & self._loaded.app_instances.keys():
            iam.prepare(self._account_id, self._region)

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

        instances.forget()
        sessions.isolate()
        routes.prepare()
        dispatcher = DomainDispatcherApplication(self._create_app)
        # Which looks at 175 directories otherwise, at every request and under a lock.
        cached = functools.lru_cache(maxsize=1024)(dispatcher.get_backend_for_host)
        dispatcher.get_backend_for_host = cached  # type: ignore[method-assign]
        return dispatcher

    def _create_app(self, service: Any) -> Flask:
        from moto.moto_server.werkzeug_app import create_backend_app

        sessions.isolate()
        if service is None:
            raise NotImplementedError
        if service in ("iam", "sts"):
            iam.prepare(self._account_id, self._region)
        if service == "ecr":
            from harness.local.moto import ecr  # which imports moto

            ecr.prepare()
        if service == "s3":
            s3_streaming.prepare()
        if service == "logs":
            log_events.prepare()
        if service == "cloudwatch":
            metrics.prepare()
        if service == "resourcegroupstaggingapi":
            tags.prepare()
        if service == "cloudformation":
            stacks.prepare()
        if service == "awslambda":
            functions.prepare()
        bounds.prepare(service)
        patterns.prepare(service)
        app = create_backend_app(service)
        sessions.isolate()  # what that has imported
        return app

    def respond(self, request: Request) -> Response:
        """moto's response, or what its caller gets where it has no such thing, or fails.

        Raises:
            DisconnectedError: the request's body broke off.
        """
        if (refusal := refusals.error(request, _service(request))) is not None:
            status = http.HTTPStatus.BAD_REQUEST
            return _error(request, status, refusal.code, refusal.message)
        if self.ours is not None and _service(request) == "sagemaker":
            return _no_operation(request)  # ours has them all; moto's would be inventions
        try:
            request = bounds.checked(request, _service(request))
            if _service(request) == "tagging":
                tags.touch(self._account(request), self._region)
            with view.answering(self.ours):
                environ = self._environ(request)
                response = wsgi.respond(self._dispatcher, _without_ours(request), environ)
        except OperationNotFoundError:
            return _unknown(request, http.HTTPStatus.BAD_REQUEST)
        except NotImplementedError as error:
            named = re.match(r"The (\w+) action", str(error))
            operation = named[1].title().replace("_", "") if named else ""
            return _unknown(request, http.HTTPStatus.NOT_IMPLEMENTED, operation)
        except DisconnectedError:
            raise
        except AwsError as error:  # of ours, by moto's CloudFormation or tagging API
            return _error(request, http.HTTPStatus.BAD_REQUEST, error.code, error.message)
        except ImportError as error:
            return _not_installed(request, error)
        except bounds.RefusedError as refused:
            _log.warning("moto: %s was refused: %s", _asked_for(request), refused)
            return _error(request, http.HTTPStatus.BAD_REQUEST, refused.code, str(refused))
        except MemoryError:
            text = f"{_asked_for(request)} failed: {memory.exhausted()}."
            _log.error("moto: %s", text)  # its traceback says nothing
            return _error(request, http.HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", text)
        except Exception as error:  # noqa: BLE001  # is logged with its traceback
            if disk.is_full(error):
                text = f"{disk.sentence(error)}."
                _log.error("%s: %s", _asked_for(request), text)  # it says it all
                status = http.HTTPStatus.INSUFFICIENT_STORAGE  # which no SDK tries again
                return _error(request, status, "InsufficientStorage", text)
            if _is_of_request(request, error):
                return _malformed(request, error)
            request_id = str(uuid.uuid4())
            text = internal_failure_text(_asked_for(request), request_id)
            _log.exception("moto failed: %s", text)
            return _error(request, http.HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", text)
        # Flask's own page: no route of this service matches. (In S3 any path is one.)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status in (404, 405) and is_page and _service(request) != "s3":
            return _unknown(request, http.HTTPStatus.NOT_IMPLEMENTED)
        return response

    def _account(self, request: Request) -> str:
        """The account that a request is made in; those of others are made for their first ones."""
        account = account_of(request)
        if account is None or account == self._account_id:
            return self._account_id
        if account not in self._prepared:
            iam.prepare(account, self._region)
            self._prepared.add(account)
        return account

    def _environ(self, request: Request) -> dict[str, Any]:
        """What moto expects besides of werkzeug's server."""
        # Only where it says something: moto's s3tables, appmesh and resiliencehub don't get over
        # an empty header.
        registry = {"HTTP_X_HARNESS_REGISTRY": self._registry} if self._registry else {}
        return {
            "HTTP_X_MOTO_ACCOUNT_ID": self._account(request),
            **registry,
            # S3 tells metadata keys with "_" from those with "-", which WSGI does not.
            "moto.preserved_header_names": {
                "HTTP_" + name.upper().replace("-", "_"): name
                for name in request.headers
                if name.startswith("x-amz-meta-") and "_" in name
            },
        }


def _without_ours(request: Request) -> Request:
    """The request without a header by which only we tell moto something."""
    if REGISTRY_HEADER not in request.headers:
        return request
    headers = {name: each for name, each in request.headers.items() if name != REGISTRY_HEADER}
    return dataclasses.replace(request, headers=headers)


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
    service = _service(request)
    operation = operations.name(request, service) or operation
    return f"{service}:{operation or f'{request.method} {request.path}'}"


def _unknown(request: Request, status: http.HTTPStatus, operation: str = "") -> Response:
    asked_for = _asked_for(request, operation)
    if status is http.HTTPStatus.BAD_REQUEST:
        text = f"There is no operation {asked_for}."
    else:
        text = f"Neither the harness nor moto implements {asked_for}."
    return _error(request, status, "UnknownOperationException", text)


def _no_operation(request: Request) -> Response:
    """What is answered to a request for none of SageMaker's operations."""
    is_named = "x-amz-target" in request.headers
    status = http.HTTPStatus.BAD_REQUEST if is_named else http.HTTPStatus.NOT_IMPLEMENTED
    return _unknown(request, status)


def _not_installed(request: Request, error: ImportError) -> Response:
    """What is said of a service, or a part of one, that moto has with a further package only."""
    _log.warning("moto: %s: %s", _asked_for(request), error)
    package = (error.name or str(error)).partition(".")[0]
    text = (
        f"{_asked_for(request)} needs the Python package {package}, which isn't installed; "
        f"install it and those of all other services by: pip install '{ALL_SERVICES}'"
    )
    status = http.HTTPStatus.NOT_IMPLEMENTED
    return _error(request, status, "UnknownOperationException", text)


def _is_of_request(request: Request, error: Exception) -> bool:
    """Whether what the request says is at fault, and not moto: no SDK is to try it again."""
    if isinstance(error, _UNREADABLE | ValueError | OverflowError):
        return True
    if isinstance(error, LookupError | TypeError) and _service(request) == "s3":
        return _has_xml(request) or "max-keys=" in request.query or "-token=" in request.query
    # A document that lacks what moto looks for in it. Elsewhere that is moto's own fault.
    return isinstance(error, LookupError | TypeError | AttributeError) and _has_xml(request)


def _malformed(request: Request, error: Exception) -> Response:
    """What AWS answers to what it can't read."""
    what = f"{type(error).__name__}: {error}"[:500]
    text = f"{_asked_for(request)} can't be read: moto says {what}."
    _log.warning("moto: %s", text)
    _log.debug("moto: the traceback of that", exc_info=error)
    is_unreadable = isinstance(error, _UNREADABLE | json.JSONDecodeError | UnicodeError)
    if _service(request) == "s3":
        code = "MalformedXML" if is_unreadable or _has_xml(request) else "InvalidArgument"
    elif _has_form(request):
        code = "MalformedInput" if is_unreadable else "ValidationError"
    else:
        code = "SerializationException" if is_unreadable else "ValidationException"
    return _error(request, http.HTTPStatus.BAD_REQUEST, code, text)


def _has_xml(request: Request) -> bool:
    """Whether the body is one of S3's documents."""
    if _service(request) != "s3" or request.method not in ("PUT", "POST"):
        return False
    names = {each.partition("=")[0] for each in request.query.split("&")}
    return bool(names & _S3_DOCUMENTS) or (request.method == "POST" and "uploadId" in names)


def _has_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _error(request: Request, status: http.HTTPStatus, code: str, message: str) -> Response:
    """An error in the form of the protocol that the request seems to be in."""
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    headers = {"Content-Type": "text/xml", "x-amzn-ErrorType": code}
    if _service(request) == "ec2":
        error = (
            f"<Response><Errors>{error}</Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
        )
        return Response(status, headers, error.encode())
    if _has_form(request):
        return Response(status, headers, f"<ErrorResponse>{error}</ErrorResponse>".encode())
    if _service(request) == "s3":
        return Response(status, headers, error.encode())
    headers["Content-Type"] = "application/json"
    return Response(status, headers, json.dumps({"__type": code, "message": message}).encode())
