"""What unit tests share."""

import os
import termios
import time
from contextlib import suppress

import hypothesis
import pytest

# How long an example takes says how busy the machine is.
# The same cases each time, so that what fails is the change's; chance is for `make torture`. More
# of them would find nothing new at the next time, either.
hypothesis.settings.register_profile("harness", deadline=None, derandomize=True, max_examples=30)
hypothesis.settings.load_profile("harness")


@pytest.fixture
def clock(monkeypatch):
    """Stops the time; goes on by so many seconds when it is called."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


def everything(terminal):
    """What a terminal was sent by those who have closed it; it comes in pieces."""
    pieces = []
    with suppress(OSError):  # the end of it, to Linux
        while piece := os.read(terminal, 1000):
            pieces.append(piece)
    return b"".join(pieces)


@pytest.fixture
def on_terminal(monkeypatch):
    """Calls with stderr on a terminal of 20 columns; returns what that was sent."""

    def on_terminal(call):
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, 20))
        monkeypatch.delenv("COLUMNS", raising=False)
        try:
            with os.fdopen(theirs, "w") as stderr, monkeypatch.context() as patch:
                patch.setattr("sys.stderr", stderr)
                patch.setattr("sys.__stdout__", stderr)  # whose size is the terminal's
                call()
            return everything(ours).decode().replace("\r\n", "\n")
        finally:
            os.close(ours)

    return on_terminal
