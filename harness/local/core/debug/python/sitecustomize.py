"""Runs first in every Python of a container that is to be debugged: by PYTHONPATH.

The first that runs a program has debugpy listen, and waits for a client before it goes on. Those
that it starts are its debugger's, too: debugpy itself sees to those that it sees start, and those
behind a shell connect here. Of another `sitecustomize` it takes nothing away: that one runs, too.

It knows nothing of the harness, and has no syntax that Python 3.6 hasn't.
"""

import errno
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from typing import Any, List  # noqa: UP035  # Python 3.6 has no list[str]

WANTED = "HARNESS_DEBUG"
"""The variable that says at which port of the other machine this one's is."""

SERVER = "HARNESS_DEBUG_SERVER"
"""Where debugpy listens for further processes: host, port, token, and the parent of these."""

PORT = 5678
OLDEST = (3, 8)
BUSY_SECONDS = 10.0
"""In which the debugger of a process that has ended gives its port back."""


def debug() -> None:
    """Have this process debugged, if it is one that can be, and wait for who does."""
    command = arguments()
    if any(name in part for part in command for name in ("pydevd", "debugpy")):
        # The debugger's own, or one that it has let start with it.
        if SERVER in os.environ:
            os.environ[SERVER] = f"{os.environ[SERVER].rpartition(':')[0]}:{os.getpid()}"
        return
    is_first = SERVER not in os.environ
    if is_first and (len(command) < 2 or "-c" in command[1:3]):
        return  # an entry point's helper: there is no file to stop in
    if sys.version_info < OLDEST:
        say("is not debugged: debugpy needs Python 3.8")
        return
    if is_first:
        lead()
    else:
        follow()


def lead() -> None:
    """Listen, and wait for a client."""
    import debugpy  # noqa: T100

    if not listen(debugpy):
        say("is not debugged: another process here is, or was just now")
        return
    say(f"waits for a debugger at 127.0.0.1:{os.environ[WANTED]}")
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    debugpy.wait_for_client()  # noqa: T100
    signal.signal(signal.SIGTERM, before)
    say("is debugged, and goes on")
    remember()


def follow() -> None:
    """Join the debugger of the process that this one comes from, if that is still there."""
    import debugpy.server.api
    import pydevd

    host, port, token, parent = os.environ.pop(SERVER).rsplit(":", 3)
    try:
        # As `debugpy.connect` does it, which has no word for the token.
        pydevd.settrace(
            host=host,
            port=int(port),
            access_token=token,
            ppid=int(parent),
            suspend=False,
            patch_multiprocessing=True,
            notify_stdin=False,
            wait_for_ready_to_run=False,
            dont_trace_start_patterns=(os.path.dirname(debugpy.__file__),),  # noqa: PTH120
        )
    except (Exception, SystemExit):  # noqa: BLE001  # pydevd ends a process that is refused
        return
    debugpy.wait_for_client()  # noqa: T100
    remember()


def remember() -> None:
    """Let the processes that this one starts know where to join."""
    import pydevd

    host, port = pydevd.dispatch()
    token = pydevd.SetupHolder.setup["access-token"]
    os.environ[SERVER] = f"{host}:{port}:{token}:{os.getpid()}"


def listen(debugpy: Any) -> bool:
    """Whether debugpy listens: else another process's does."""
    until = time.monotonic() + BUSY_SECONDS
    while is_busy():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    try:
        debugpy.listen(("0.0.0.0", PORT))  # noqa: S104  # of the container; outside, on loopback
    except RuntimeError:  # another one was faster
        return False
    return True


def is_busy() -> bool:
    """Whether something listens at the port."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", PORT))  # noqa: S104
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def arguments() -> List[str]:  # noqa: UP006
    """The command line of this process, which `sys.argv` hasn't yet."""
    with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123  # pathlib takes time
        return [os.fsdecode(each) for each in file.read().rstrip(b"\0").split(b"\0")]


def say(text: str) -> None:
    """A line in the log."""
    sys.stderr.write(f"harness: `{' '.join(arguments())}` {text}\n")
    sys.stderr.flush()


def run_the_next() -> None:
    """Run the `sitecustomize` that this one is in front of, in its place."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    folders = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100
    # Only behind it: one in front of it has run it, and would again.
    behind = folders[folders.index(here) + 1 :] if here in folders else folders
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", behind)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    run_the_next()
    if os.environ.get(WANTED):
        debug()
