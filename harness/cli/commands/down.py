"""End the local AWS that `up` has started, with all that runs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.output import print_json, say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(_: ArgumentParser) -> None:
    """None of its own."""


def run(arguments: Namespace, _: Signals) -> int:
    from harness.service.down import down
    from harness.service.engine import remove_leftovers

    ended = down()
    # Also what an earlier one left that was killed.
    removed = remove_leftovers(say)
    if arguments.json:
        print_json(ended=ended and ended.as_dict(), removed=removed)
    else:
        print(f"ended the local AWS at {ended.url}" if ended else "no local AWS was running")
    return 0
