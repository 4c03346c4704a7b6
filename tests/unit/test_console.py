"""Lines on stderr, and those that give way to the next."""

from harness import console
from harness.console import Console, Passing


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
