"""Lines on stderr, and those that give way to the next."""

import logging
import os
import termios
from contextlib import suppress

import pytest

from harness import console
from harness.console import Console, ConsoleHandler, Passing


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


def test_on_a_terminal_the_next_line_takes_the_place_of_a_passing_one(on_terminal):
    lines = ("train ...", Passing("1 of 2 GB"), Passing("2 of 2 GB"), "deploy ...", "end")
    say = Console()

    def say_all():
        for line in lines:
            say(line)

    assert on_terminal(say_all) == (
        "train ...\n1 of 2 GB\r\x1b[K2 of 2 GB\r\x1b[Kdeploy ...\nend\n"
    )


def test_a_passing_line_is_cut_where_it_would_wrap(on_terminal):
    assert on_terminal(lambda: Console()(Passing("x" * 30))) == "x" * 19


def test_elsewhere_passing_lines_are_few(clock, capsys):
    say = Console()
    for number in range(25):
        say(Passing(f"{number} of 25 GB"))
        clock(console.PLAIN_PERIOD / 10)
    say("end")
    assert capsys.readouterr().err == "0 of 25 GB\n10 of 25 GB\n20 of 25 GB\nend\n"


def test_a_log_says_which_of_its_lines_pass(on_terminal):
    handler = ConsoleHandler(Console())
    log = logging.getLogger("harness.tests.console")
    log.setLevel(logging.INFO)
    log.addHandler(handler)

    def write():
        log.info("job: %s", "1 of 2", extra={"passing": True})
        log.warning("lost")

    try:
        assert on_terminal(write) == "job: 1 of 2\r\x1b[Klost\n"
    finally:
        log.removeHandler(handler)
