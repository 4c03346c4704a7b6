"""A client of the Debug Adapter Protocol, which is what VS Code is: as far as tests need one."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60


class DebugAdapter:
    """A conversation with the adapter that listens on `port` of this machine."""

    def __init__(self, port: int) -> None:
        """Connect; the engine's proxy accepts before anything listens in the container."""
        until = time.monotonic() + SECONDS
        while True:
            self._sent = 0
            self._events: list[dict[str, Any]] = []
            self._answers: dict[int, dict[str, Any]] = {}
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), SECONDS)
                self._file = self._socket.makefile("rb")
                self.ask("initialize", adapterID="debugpy", pathFormat="path")
            except (ConnectionError, EOFError):
                assert time.monotonic() < until, f"nothing listens on {port}"
                time.sleep(0.1)  # nothing tells when it does
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: Any) -> int:
        self._sent += 1
        message = {
            "seq": self._sent, "type": "request", "command": command, "arguments": arguments,
        }  # fmt: skip
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        return self._sent

    def answer(self, sent: int) -> dict[str, Any]:
        while sent not in self._answers:
            self._take()
        message = self._answers.pop(sent)
        assert message["success"], message
        found: dict[str, Any] = message.get("body") or {}
        return found

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return self.answer(self.send(command, **arguments))

    def event(self, name: str) -> dict[str, Any]:
        """The body of the next event of that name."""
        while True:
            for each in self._events:
                if each["event"] == name:
                    self._events.remove(each)
                    found: dict[str, Any] = each.get("body") or {}
                    return found
            self._take()

    def attach(self, configuration: dict[str, Any], file: Path, line: int) -> None:
        """Attach as an editor does that has one breakpoint, in a file of this machine."""
        sent = self.send("attach", **configuration)
        self.event("initialized")
        set_ = self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        assert set_["breakpoints"][0]["verified"]
        self.ask("configurationDone")
        self.answer(sent)

    def stopped(self) -> tuple[int, dict[str, Any], dict[str, str]]:
        """The thread that has stopped, its innermost frame, and that one's variables."""
        thread = self.event("stopped")["threadId"]
        frame = self.ask("stackTrace", threadId=thread)["stackFrames"][0]
        scope = self.ask("scopes", frameId=frame["id"])["scopes"][0]
        found = self.ask("variables", variablesReference=scope["variablesReference"])["variables"]
        return thread, frame, {each["name"]: each["value"] for each in found}

    def _take(self) -> None:
        message = self._read()
        if message["type"] == "event":
            self._events.append(message)
        else:
            self._answers[message["request_seq"]] = message

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self._file.readline().strip():
            length = int(line.rpartition(b":")[2])
        if not length:
            raise EOFError("the adapter has ended")
        found: dict[str, Any] = json.loads(self._file.read(length))
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
