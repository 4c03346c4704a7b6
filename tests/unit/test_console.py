"""Lines on stderr, and those that give way to the next."""

import re

import pytest

from harness import console
from harness.console import Console, Detail, Needed, Passing


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
    said = capsys.readouterr().err.splitlines()
    assert [line[9:] for line in said] == ["0 of 25 GB", "10 of 25 GB", "20 of 25 GB", "end"]


def test_elsewhere_lines_have_their_time_but_for_those_that_are_needed(capsys):
    say = Console()
    say("train ...")
    say(Needed("harness: it failed."))
    first, second = capsys.readouterr().err.splitlines()

    assert re.fullmatch(r"\d\d:\d\d:\d\d train \.\.\.", first)
    assert second == "harness: it failed."


def test_a_clock_is_shown_on_a_terminal_too(on_terminal):
    say = Console()
    say.clock = "%M"

    assert re.fullmatch(r"\d\d up\n", on_terminal(lambda: say("up")))


@pytest.mark.parametrize(
    ("loudness", "told"),
    [
        ("quiet", ["why"]),
        ("", ["step", "10 %", "why"]),
        ("verbose", ["step", "10 %", "all", "why"]),
    ],
)
def test_how_much_is_said(capsys, loudness, told):
    say = Console()
    if loudness:
        setattr(say, loudness, True)
    for line in ("step", Passing("10 %"), Detail("all"), Needed("why")):
        say(line)

    assert [line.split(maxsplit=1)[-1] if ":" in line else line for line in
            capsys.readouterr().err.splitlines()] == told  # fmt: skip


@pytest.mark.parametrize(("variable", "wanted"), [("", True), ("1", False), ("0", False)])
def test_no_color_is_whatever_it_says(monkeypatch, variable, wanted):
    monkeypatch.setenv("NO_COLOR", variable)

    assert console.wants_colour() is wanted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\tas it is", "plain\tas it is"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("10 %\r50 %\r100 %", "100 %"),
        ("two\nlines\x00", "two lines "),
        ("\x1b[2J\x1b[Hgone?", "gone?"),
        ("\x9b2Jc1", " 2Jc1"),
        ("üñï", "üñï"),
        ("ended\r\n", "ended"),
    ],
)
def test_others_words_do_nothing_to_a_terminal(text, shown):
    assert console.plain(text) == shown
