"""The local AWS as one HTTP server: SageMaker and its Runtime here, every other service moto."""

from __future__ import annotations

import functools
import http
import importlib
import io
import ipaddress
import json
import logging
import re
import threading
from concurrent.futures import Future
from typing import IO, TYPE_CHECKING, Any, Self

from cheroot.server import HTTPRequest
from cheroot.wsgi import Gateway_10, Server

from harness.local.http.shortcut import Connection, Relay
from harness.local.moto.app import MotoApp, Refusal
from harness.local.protocol.errors import LeaveToMoto
from harness.local.protocol.messages import Request, Response
from harness.local.protocol.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from types_boto3_logs import CloudWatchLogsClient

    from harness.local.http.page import Page

_log = logging.getLogger(__name__)

HEALTH_PATH = "/_harness/health"

MAX_CONCURRENT = 128
"""Requests that are worked on at once; connections beyond wait, idle ones cost no thread."""

MAX_LINGERING = MAX_CONCURRENT * 3 // 4
"""Threads that may wait for the next invocation on a connection; the others are for the others."""

INNER_CONCURRENT = 32
"""The same for the requests that our own operations and jobs make, of S3 for instance.

They have threads of their own: those that wait for them may be all that there are otherwise.
"""

FIRST_THREADS = 8
"""Threads for requests that are started before anything is answered; the rest follow."""

IDLE_TIMEOUT = 60
"""Seconds without a byte after which a connection is closed."""

CLOSE_TIMEOUT = 5
"""Seconds that closing waits for requests that are being answered."""

PIECE = 256 * 1024
"""Bytes of a body that are handed to the connection at once."""

DRAIN_LIMIT = 256 * 1024 * 1024
"""Bytes of a refused body that are read and thrown away. A client that still sends sees the
answer only after that; past the limit it sees the connection closed."""

_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104  # to listen on

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

_OUR_NAMES = (".localhost", ".amazonaws.com", ".amazonaws.com.cn", ".docker.internal")
"""Domains in which nobody can have a name for loopback: S3's virtual hosts, among others."""

_NEEDED = (
    "harness.local.hosting.endpoints",
    "harness.local.jobs.training.provider",
    "moto.iam.models",
    "moto.moto_server.werkzeug_app",
    "moto.s3.models",
)

_moto_users = 0
_moto_users_lock = threading.Lock()


class LocalAWS:
    """A local AWS on `http://host:port`, running in threads of this process.

    `port` 0 takes a free one. `extra_hosts` are further addresses to listen on, on the same port
    (Docker's bridge gateway, so that containers reach it). `registry` is the "host:port" of a
    container registry that ECR's repositories are in; without one they hold no image that Docker
    could pull. `providers` are the objects that
    implement operations, by botocore's service name; by default those of `harness.local`. One
    that has `close()` is closed first when the server closes, while that still answers.

    moto keeps its state for the whole process: two of these at once share their buckets, roles
    and log groups, unless their `account_id`s differ (bucket names are global all the same). The
    state is dropped when the last one in the process is closed.
    """

    def __init__(
        self,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        extra_hosts: Sequence[str] = (),
        registry: str = "",
        providers: Mapping[str, Sequence[object]] | None = None,
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.host = host
        self.port = port
        self._hosts = [host, *extra_hosts]
        self._registry = registry
        self._given_providers = providers
        self._servers: list[_Server] = []
        self._inner_url = ""
        self._closers: list[Callable[[], None]] = []
        self._services: list[Service] = []
        self._logs: Callable[[str], CloudWatchLogsClient] | None = None
        self._page: Page | None = None
        self._moto = MotoApp(account_id, region, registry)
        self._started = False
        self._warming: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint URL to give to clients; its port is known once the server has started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Listen, and return when connections are accepted.

        Raises:
            OSError: the port is taken, or an address isn't this machine's.
        """
        global _moto_users
        if self._started:
            raise RuntimeError("This local AWS has been started already.")
        self._started = True
        with _moto_users_lock:
            _moto_users += 1
        try:
            providers = self._given_providers
            if providers is None:
                providers = self._providers()
            else:
                objects = [each for some in providers.values() for each in some]
                self._closers = [c for each in objects if (c := getattr(each, "close", None))]
            self._services = [
                Service(name, some, region=self.region, account_id=self.account_id)
                for name, some in providers.items()
            ]
            if self._logs is not None:
                from harness.local.http.page import Page

                (sagemaker,) = (each for each in self._services if each.name == "sagemaker")
                self._page = Page(
                    sagemaker, self._logs, region=self.region, account_id=self.account_id
                )
            relay = self._relay()
            for host in self._hosts:
                self._servers.append(_listen(host, self.port, self._answer, relay=relay))
                self.port = self._servers[0].bind_addr[1]
            if self._given_providers is None:
                inner = _listen(_LOOPBACK[0], 0, self._answer, INNER_CONCURRENT)
                self._servers.append(inner)
                self._inner_url = f"http://{_LOOPBACK[0]}:{inner.bind_addr[1]}"
        except BaseException:
            self.close()
            raise
        self._warming = threading.Thread(target=self._warm_up, name="harness-warm-up", daemon=True)
        self._warming.start()
        return self

    def close(self) -> None:
        """Close the providers, stop answering and free the port. May be called twice."""
        global _moto_users
        if not self._started:
            return
        self._started = False
        self.close_providers()
        if self._warming is not None:
            self._warming.join(CLOSE_TIMEOUT)  # it starts threads that shall stop
        stopping = [
            threading.Thread(target=server.stop, name="harness-stop", daemon=True)
            for server in self._servers
        ]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            # Longer than the server waits for its requests, after which it waits without end.
            thread.join(CLOSE_TIMEOUT + 1)
        self._servers.clear()
        with _moto_users_lock:
            _moto_users -= 1
            if _moto_users == 0:
                self._moto.forget()

    def close_providers(self) -> None:
        """End all that runs, as a part of closing; the rest is gone with the process anyway."""
        for close in reversed(self._closers):
            try:
                close()
            except Exception:  # noqa: BLE001  # is logged with its traceback
                _log.exception("%r failed; what it would have cleaned up may be left", close)
        self._closers.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def listen(self, host: str, accepts: Callable[[str], bool]) -> str | None:
        """Listen on a further address of this machine, for clients whose address `accepts` takes.

        On the same port if it is free there. Returns the URL; None if the address isn't this
        machine's. It is closed with the server.
        """

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if accepts(environ["REMOTE_ADDR"]):
                return self._answer(environ, start_response)
            _drain(environ["wsgi.input"])
            return _send(_refusal("The local AWS answers containers here."), start_response)

        if not self._started:
            return None
        if self.host in _ALL_ADDRESSES:
            return f"http://{host}:{self.port}"
        for port in (self.port, 0):
            try:
                server = _listen(host, port, answer)
            except OSError:
                continue
            self._servers.append(server)
            server.requests.grow(MAX_CONCURRENT)
            return f"http://{host}:{server.bind_addr[1]}"
        return None

    def _relay(self) -> Relay | None:
        """The short way of invocations, where there are any."""
        for service in self._services:
            if service.name == "sagemaker-runtime":
                return Relay(service, self._is_trusted, MAX_LINGERING)
        return None

    def _providers(self) -> dict[str, list[object]]:
        """What is not moto's. SageMaker is on one backend, which is closed with the server."""
        from harness.local.core.backend import Backend
        from harness.local.core.tags import Tags
        from harness.local.hosting.endpoint_configs import EndpointConfigs
        from harness.local.hosting.endpoints import Endpoints
        from harness.local.hosting.models import Models
        from harness.local.hosting.runtime import Runtime
        from harness.local.jobs.processing.provider import ProcessingJobs
        from harness.local.jobs.training.provider import TrainingJobs
        from harness.local.jobs.transform.provider import TransformJobs
        from harness.local.moto.quotas import Quotas

        backend = Backend(
            lambda: self._inner_url, self.region, self.account_id, self.listen, self._registry
        )
        self._closers = [backend.close]
        self._logs = backend.logs_client
        return {
            "sagemaker": [
                TrainingJobs(backend),
                TransformJobs(backend),
                ProcessingJobs(backend),
                Models(backend),
                EndpointConfigs(backend),
                Endpoints(backend),
                Tags(backend),
            ],
            "sagemaker-runtime": [Runtime(backend)],
            "service-quotas": [Quotas()],
        }

    def _warm_up(self) -> None:
        """Load what the first requests need, while the process that waits does something else."""
        self._moto.load("s3")
        for service in self._services:
            _ = service.operations
        for server in self._servers:
            server.requests.grow(MAX_CONCURRENT)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        request = _request(environ)
        if not self._is_trusted(request):
            _drain(request.stream)
            return _send(_refusal(self._why_untrusted(request)), start_response)
        if request.path == HEALTH_PATH:
            return _send(self._health(), start_response)
        if self._page is not None and (response := self._page.respond(request)) is not None:
            return _send(response, start_response)
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
                _drain(request.stream)
            return _send(response, start_response)
        try:
            return self._moto.answer(request, environ, start_response)
        except Refusal as refusal:
            _drain(request.stream)
            return _send(refusal.response, start_response)

    def _is_trusted(self, request: Request) -> bool:
        """Whether `request` is from no web page but our own.

        Any page that somebody opens can reach loopback, and so could run containers here. SDKs
        send no Origin; browsers do, with all that changes something. What only reads goes without
        one where the page's own name leads to loopback (DNS rebinding): names that aren't known
        to be ours are refused, addresses can't be rebound.
        """
        origin = request.headers.get("origin")
        return origin in {None, self.url, f"http://localhost:{self.port}"} and (
            self.host not in _LOOPBACK or _is_ours(request.headers.get("host", ""))
        )

    def _why_untrusted(self, request: Request) -> str:
        if origin := request.headers.get("origin"):
            return f"The local AWS answers no web page of {origin}."
        return (
            f"The local AWS on {self.host} doesn't answer to the name "
            f"{request.headers.get('host', '')}, which a web page may have led here; call it by "
            "its address, or let it listen on another one."
        )

    def _health(self) -> Response:
        document = {"status": "ok", "region": self.region, "account_id": self.account_id}
        return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def load() -> None:
    """Import what a `LocalAWS` needs before it answers, and what its first requests need."""
    for name in _NEEDED:
        importlib.import_module(name)


def _nothing() -> None:
    """Let what was written wait for what follows."""


class _Gateway(Gateway_10):
    """Hands on the headers under their own names, which WSGI mangles, and bodies in pieces."""

    def write(self, chunk: bytes) -> None:
        # cheroot copies all that is left of what it was given each time that it sends some of it.
        for at in range(0, len(chunk), PIECE):
            piece = chunk[at : at + PIECE]
            if self.req.sent_headers:
                super().write(piece)
            else:
                self._write_first(piece)

    def _write_first(self, piece: bytes) -> None:
        """Send the headers, and this with them: whoever waits is woken once, and not twice."""
        writer = self.req.conn.wfile
        writer._flush_unlocked = _nothing
        try:
            super().write(piece)
        finally:
            del writer._flush_unlocked
            writer.flush()

    def get_environ(self) -> Any:
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ["harness.headers"] = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self.req.inheaders.items()
        }
        return environ


class _Request(HTTPRequest):
    """Refuses lengths that cheroot takes: with a negative one it would read without end."""

    def read_request_headers(self) -> bool:
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        if self.inheaders.get(b"Content-Length", b"0").isdigit():
            return True
        self.simple_response("400 Bad Request", "Malformed Content-Length Header.")
        return False


class _Connection(Connection):
    RequestHandlerClass = _Request


class _Server(Server):
    ConnectionClass = _Connection
    expiration_interval = 0.05  # how long it takes to notice that it shall stop

    def __init__(
        self,
        host: str,
        port: int,
        application: WSGIApplication,
        concurrent: int,
        relay: Relay | None,
    ) -> None:
        super().__init__(
            (host, port),
            application,
            numthreads=FIRST_THREADS,
            max=concurrent,
            request_queue_size=4 * MAX_CONCURRENT,
            timeout=IDLE_TIMEOUT,
            shutdown_timeout=CLOSE_TIMEOUT,
        )
        self.gateway = _Gateway
        self.relay = relay
        self.keep_alive_conn_limit = None  # type: ignore[assignment]  # no limit

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        _log.log(level, "%s", msg, exc_info=traceback)


def _listen(
    host: str,
    port: int,
    application: WSGIApplication,
    concurrent: int = MAX_CONCURRENT,
    relay: Relay | None = None,
) -> _Server:
    """A server that accepts connections at `host`, in daemon threads."""
    server = _Server(host, port, application, concurrent, relay)
    listening: Future[None] = Future()

    def run() -> None:
        try:
            server.prepare()
        except BaseException as error:  # noqa: BLE001  # raised in the thread that waits for it
            listening.set_exception(error)
            return
        listening.set_result(None)
        server.serve()

    # The threads of a server inherit being daemons, so that a forgotten close() hangs no process.
    threading.Thread(target=run, name=f"harness-local-aws-{host}", daemon=True).start()
    try:
        listening.result()
    except OSError as error:
        raise OSError(
            f"The local AWS can't listen on {host}, port {port}: {error}. Choose another port or "
            "address, or stop what listens there."
        ) from error
    return server


def _request(environ: WSGIEnvironment) -> Request:
    path, _, query = environ["REQUEST_URI"].partition("?")
    headers = environ["harness.headers"]
    known = "transfer-encoding" not in headers
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers=headers,
        stream=environ["wsgi.input"],
        length=int(headers.get("content-length", 0)) if known else None,
    )


def _send(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    status = f"{response.status} {response.reason}"
    headers = list(response.headers.items())
    if not isinstance(response.body, bytes):
        start_response(status, headers)
        return response.body
    headers.append(("Content-Length", str(len(response.body))))
    start_response(status, headers)
    return [response.body]


@functools.lru_cache
def _is_ours(host: str) -> bool:
    """Whether a Host header is an address, or a name that leads nobody but us to loopback."""
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    name = name.strip("[]").lower()
    if f".{name}".endswith(_OUR_NAMES):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return not name
    return True


def _refusal(message: str) -> Response:
    document = {"__type": "AccessDeniedException", "message": message}
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
    return Response(403, headers, json.dumps(document).encode())


def _drain(stream: IO[bytes]) -> None:
    left = DRAIN_LIMIT
    while left > 0 and (piece := stream.read(64 * 1024)):
        left -= len(piece)
