"""A step as it goes, on a terminal and elsewhere."""

import re
import threading
import time

import pytest

from harness.cli.live import LiveConsole, _Step
from harness.console import Begins, Ends, Needed, Passing, Status


@pytest.fixture
def terminal(monkeypatch, on_terminal):
    """What a terminal shows of what is said: all that was written, without colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

    def terminal(*lines, pause=0.0):
        say = LiveConsole()

        def say_all():
            monkeypatch.setenv("COLUMNS", "80")
            for line in lines:
                say(line)
                threading.Event().wait(pause)
            say.close()

        return on_terminal(say_all)

    return terminal


def test_what_is_said_stands_above_the_step_and_its_end_says_how_long(terminal):
    shown = terminal(
        "before", Begins("train"), "  | epoch 1", Ends("train", 12.34, passed=True), "after"
    )

    kept = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).strip("\r") for line in shown.split("\n")]
    whole = [line for line in kept if line and not line.startswith("⠋")]
    assert whole[0] == "before"
    assert any(line.endswith("  | epoch 1") for line in whole)
    assert any(line.endswith("✓ train  12.3 s") for line in whole)
    assert whole[-1].endswith("after")


def test_a_step_that_failed(terminal):
    assert "✗ train  1.0 s" in terminal(Begins("train"), Ends("train", 1.0, passed=False))


def test_the_jobs_status_and_the_bytes_stand_beside_the_step():
    step = _Step("train")
    step.note(Status("  Downloading"))
    step.note(Passing("  input data: 1 of 2 GB"))

    assert re.fullmatch(r". train  0 s  Downloading  input data: 1 of 2 GB", step.__rich__().plain)
    step.note(Status("  Training"))
    assert step.__rich__().plain.endswith("0 s  Training")


def test_it_is_drawn_while_nothing_is_said(terminal):
    shown = terminal(Begins("train"), Status("  Training"), pause=0.6)

    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert len(set(re.findall(r"(.) train  \d s  Training", drawn))) > 1


def test_no_colour_where_none_is_wanted(terminal):
    shown = terminal(Begins("train"), "line", Ends("train", 1.0, passed=True))

    assert not re.findall(r"\x1b\[(?:\d+;)*[349]\d", shown)


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_cant_go_back_gets_plain_lines(monkeypatch, on_terminal, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    say = LiveConsole()

    def say_all():
        for line in (Begins("train"), Status("  Training"), Ends("train", 1.0, passed=True)):
            say(line)

    assert on_terminal(say_all) == "train ...\n"


def test_elsewhere_steps_are_lines_with_their_time(capsys):
    say = LiveConsole()
    for line in (Begins("train"), Status("  Training"), Ends("train", 1.0, passed=True)):
        say(line)

    assert re.fullmatch(r"\d\d:\d\d:\d\d train \.\.\.\n", capsys.readouterr().err)


def test_quiet_shows_no_step(monkeypatch, terminal, on_terminal):
    monkeypatch.setenv("TERM", "xterm")
    say = LiveConsole()
    say.quiet = True

    def say_all():
        for line in (Begins("train"), "line", Needed("why"), Ends("train", 1.0, passed=False)):
            say(line)

    assert on_terminal(say_all) == "why\n"


def test_closing_ends_the_drawing(terminal):
    before = threading.active_count()
    terminal(Begins("train"))
    end = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < end
