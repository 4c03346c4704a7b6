"""How a container's server is asked, by one that is no container's."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from harness.check.server import Server
from harness.check.training_run import Output

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def refuses_early() -> Iterator[int]:
    """A port where each request is refused, and its connection closed, before its body is read."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 415 No\r\nContent-Length: 2\r\n\r\nno")

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def test_an_answer_before_the_body_was_read_is_an_answer(refuses_early: int) -> None:
    server = Server(SimpleNamespace(has_address=lambda: True), Output())  # type: ignore[arg-type]
    http = SimpleNamespace(host="127.0.0.1", port=refuses_early)
    server.instance = SimpleNamespace(http=http)  # type: ignore[assignment]

    exchange = server.invoke(b"x" * 50_000_000, "text/plain", timeout=10)

    assert (exchange.status, exchange.body) == (415, b"no"), exchange.error
