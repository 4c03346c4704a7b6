"""Say what differs between two runs: metrics, times, settings, predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.cli.output import print_json, say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "first",
        nargs="?",
        default="last-1",
        metavar="RUN",
        help="its name in build/runs/, a part of it, its folder, or last-1: the last but one",
    )
    parser.add_argument(
        "second", nargs="?", default="last", metavar="RUN", help="likewise; by default the last"
    )


def run(arguments: Namespace, _: Signals) -> int:
    from harness.config import extras

    extras.provide("flow", "harness compare", say)
    settings = settings_of(arguments)
    from harness.flow.record import difference, history

    found = difference.compare(
        history.find(settings.root, arguments.first), history.find(settings.root, arguments.second)
    )
    if arguments.json:
        print_json(**found.as_dict())
    else:
        print(found.as_table(), flush=True)
    return 0
