"""A local AWS that another process starts: `harness.local.process` is the other end.

It is told by a line of JSON on stdin what to be, says by one on stdout where it answers, and ends
with its stdin.
"""

from __future__ import annotations

import json
import signal
import sys

from harness import startup


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of stdin is the one way to end it
    startup.prepare()
    from harness.local.server import LocalAWS, load

    load()
    what = sys.stdin.readline()
    if not what:
        return
    with LocalAWS(**json.loads(what)) as server:
        print(json.dumps({"url": server.url}), flush=True)
        sys.stdin.read()
    startup.leave()


if __name__ == "__main__":
    main()
