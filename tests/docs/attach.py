"""The reader's editor: attaches to the container that waits on the port of `harness run --debug`.

It sets no breakpoint, so that the program goes on to its end. What the program starts is attached
to as well.
"""

from __future__ import annotations

import threading
from typing import Any

from tests.debug_adapter import DebugAdapter

PORT = 5678


def attach(configuration: dict[str, Any]) -> None:
    """Attach, and stay until the program has ended."""
    with DebugAdapter(PORT) as client:
        sent = client.send("attach", **configuration)
        client.event("initialized")
        client.ask("configurationDone")
        client.answer(sent)
        while True:
            try:
                started = client.event("debugpyAttach")
            except (EOFError, OSError):
                return
            threading.Thread(target=attach, args=(started,)).start()


if __name__ == "__main__":
    attach({"justMyCode": True})
