"""A command in a running container, attached to this process's stdin, stdout and stderr."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import termios
import threading
import tty
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from docker.errors import APIError
from docker.utils.socket import frames_iter

from harness.errors import EngineError
from harness.local.engine.errors import engine_errors, engine_words
from harness.local.engine.sessions import LABEL_PROCESS, LABEL_SESSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from docker import APIClient, DockerClient

_STDERR = 2
_CHUNK = 65_536


class Running(NamedTuple):
    """A container that runs. `part` is which of its job or endpoint: a host, or a variant."""

    id: str
    name: str
    part: str


def running(
    client: DockerClient, name: str, parts: Iterable[str], process: int | None = None
) -> list[Running]:
    """The running containers of a job or an endpoint, in the order of its parts.

    `parts` are patterns; a container without one matches "". `process` is the local AWS's, where it
    is known: others with the same engine may have a job of that name.
    """
    alternatives = "|".join(f"-{part}" if part else "" for part in parts)
    pattern = re.compile(rf"/?{re.escape(name)}(?P<part>{alternatives})-[0-9a-f]{{6}}")
    found = []
    with engine_errors():
        listed = client.api.containers(filters={"label": LABEL_SESSION, "name": name})
    for each in listed:
        matched = pattern.fullmatch(each["Names"][0])
        its_process = each["Labels"].get(LABEL_PROCESS, "").rpartition(" ")[2]
        if matched and (process is None or its_process in ("", str(process))):
            part = matched["part"].removeprefix("-")
            found.append(Running(each["Id"], each["Names"][0].lstrip("/"), part))
    return sorted(found, key=lambda each: each.part)


def run(client: DockerClient, container: str, command: Sequence[str]) -> int:
    """Run a command in a container until it ends; returns its exit status.

    On a terminal it gets one of its own, of the same size, and each key as it is pressed.

    Raises:
        EngineError: the container has ended, or has no such program.
    """
    api = client.api
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    variables = {"TERM": os.environ.get("TERM", "xterm")} if terminal else {}
    with engine_errors():
        try:
            exec_id: str = api.exec_create(
                container, list(command), stdin=True, tty=terminal, environment=variables
            )["Id"]
            stream: Any = api.exec_start(exec_id, tty=terminal, socket=True)
        except APIError as error:
            raise EngineError(
                f"`{' '.join(command)}` could not be run in it: {engine_words(error)}"
            ) from error
        threading.Thread(target=_send, args=(_raw(stream),), name="stdin", daemon=True).start()
        with _raw_terminal(api, exec_id) if terminal else contextlib.nullcontext():
            for number, data in frames_iter(stream, tty=terminal):  # type: ignore[no-untyped-call]
                out = sys.stderr if number == _STDERR else sys.stdout
                out.buffer.write(data)
                out.flush()
        return int(api.exec_inspect(exec_id)["ExitCode"])


def _raw(stream: Any) -> socket.socket:
    """The socket itself, of what docker-py has wrapped."""
    return cast("socket.socket", getattr(stream, "_sock", stream))


def _send(to: socket.socket) -> None:
    """Pass on stdin, and its end."""
    with contextlib.suppress(OSError):  # the command has ended first
        while data := os.read(sys.stdin.fileno(), _CHUNK):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _raw_terminal(api: APIClient, exec_id: str) -> Iterator[None]:
    """Hand each key on, Ctrl-C among them, and keep the command's terminal as large as ours."""

    def resize(*_: object) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        with contextlib.suppress(APIError):  # it has ended
            api.exec_resize(exec_id, height=size.lines, width=size.columns)

    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    signal_before = signal.signal(signal.SIGWINCH, resize)
    try:
        tty.setraw(stdin)
        resize()
        yield
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, signal_before)
