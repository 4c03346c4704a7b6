"""A local AWS that another process starts: `harness.local.process` is the other end.

It is told by a line of JSON on stdin what to be, says by one on stdout where it answers, and ends
with its stdin.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from harness import memory, startup


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of stdin is the one way to end it
    startup.prepare()
    memory.limit()
    with startup.without_aws():
        _serve()


def _serve() -> None:
    from harness.local.aws import LocalAWS, load

    load()
    what = sys.stdin.readline()
    if not what:
        return
    settings = json.loads(what)
    if faults := settings.pop("faults", []):
        from harness.config.faults import Fault  # not needed by most, and slow to import

        settings["faults"] = [Fault(**each) for each in faults]
    server = LocalAWS(**settings).start()
    print(json.dumps({"url": server.url}), flush=True)
    sys.stdin.read()
    server.close_providers()
    sys.stderr.flush()
    os._exit(0)  # Python's own way out takes longer, and who waits for it has nothing else to do


if __name__ == "__main__":
    main()
