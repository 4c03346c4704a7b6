"""The page docs/reference/cli.md, made of what the commands say of themselves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harness.cli.main import EXIT_STATUSES, parser

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# Commands

`harness COMMAND --help` shows the same. Results go to stdout, and all else to stderr: on a terminal
the step that is under way with its time, elsewhere lines with the time before them. `NO_COLOR=1`
takes the colours away, `-q` all but results and errors, and `-v` adds details.

| exit status | what it means |
|---|---|"""

_STATUSES_END = """
`harness exec` leaves with the status of its command.

Made by `make reference` of `harness/cli/commands/`; don't edit.

Every command takes:
"""


def markdown() -> str:
    """The text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    whole = parser()
    commands = next(
        action for action in whole._actions if isinstance(action, argparse._SubParsersAction)
    )
    shared = ("--help", "--json", "--config", "--target", "--quiet", "--verbose")
    yield _HEAD
    for numbers, text in EXIT_STATUSES.items():
        yield f"| {', '.join(str(int(each)) for each in numbers)} | {_cell(text)} |"
    yield _STATUSES_END
    some = next(iter(commands.choices.values()))
    yield from _table(each for each in some._actions if set(shared) & set(each.option_strings))
    for name, command in commands.choices.items():
        own = [each for each in command._actions if not set(shared) & set(each.option_strings)]
        yield f"\n## harness {name}\n"
        yield (command.description or "").replace("%%", "%")
        if own:
            yield ""
            yield from _table(own)
        if command.epilog:
            yield f"\n```\n{command.epilog}\n```"


def _table(actions: Iterator[argparse.Action] | list[argparse.Action]) -> Iterator[str]:
    yield "| argument | meaning |\n|---|---|"
    for action in actions:
        yield f"| {_named(action)} | {_cell((action.help or '').replace('%%', '%'))} |"


def _cell(text: str) -> str:
    """As it stands in a table."""
    return text.replace("|", "\\|")


def _named(action: argparse.Action) -> str:
    """An argument as it is given: `-n NUMBER`, `--number NUMBER`."""
    value = ""
    if action.nargs != 0:
        choices = "|".join(map(str, action.choices)) if action.choices else ""
        value = str(action.metavar or choices or action.dest.upper()).replace("|", "\\|")
    names = action.option_strings or [""]
    return ", ".join(f"`{f'{name} {value}'.strip()}`" for name in names)
