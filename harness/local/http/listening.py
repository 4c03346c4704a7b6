"""Listening at an address: cheroot's server, with what a local AWS needs of it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from cheroot.server import HTTPRequest
from cheroot.wsgi import Gateway_10
from cheroot.wsgi import Server as WSGIServer

from harness.local.http.shortcut import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed.wsgi import WSGIApplication

    from harness.local.http.shortcut import Shortcut

_log = logging.getLogger(__name__)

MAX_CONCURRENT = 128
"""Requests that are worked on at once; connections beyond wait, idle ones cost no thread."""

FIRST_THREADS = 8
"""Threads for requests that are started before anything is answered; the rest follow."""

IDLE_TIMEOUT = 60
"""Seconds without a byte after which a connection is closed."""

CLOSE_TIMEOUT = 5
"""Seconds that closing waits for requests that are being answered."""

PIECE = 256 * 1024
"""Bytes of a body that are handed to the connection at once."""


def listen(
    host: str,
    port: int,
    application: WSGIApplication,
    concurrent: int = MAX_CONCURRENT,
    shortcut: Shortcut | None = None,
) -> Server:
    """A server that accepts connections at `host`, in daemon threads.

    Raises:
        OSError: the port is taken, or the address isn't this machine's.
    """
    server = Server(host, port, application, concurrent, shortcut)
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


def stop(servers: Sequence[Server]) -> None:
    """Stop them all at once, and free their ports."""
    stopping = [
        threading.Thread(target=server.stop, name="harness-stop", daemon=True) for server in servers
    ]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        # Longer than the server waits for its requests, after which it waits without end.
        thread.join(CLOSE_TIMEOUT + 1)


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


def _nothing() -> None:
    """Let what was written wait for what follows."""


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


class Server(WSGIServer):
    """Listens at one address; `shortcut` takes the requests that it knows before cheroot does."""

    ConnectionClass = _Connection
    expiration_interval = 0.05  # how long it takes to notice that it shall stop

    def __init__(
        self,
        host: str,
        port: int,
        application: WSGIApplication,
        concurrent: int,
        shortcut: Shortcut | None,
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
        self.shortcut = shortcut
        self.keep_alive_conn_limit = None  # type: ignore[assignment]  # no limit

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        _log.log(level, "%s", msg, exc_info=traceback)
