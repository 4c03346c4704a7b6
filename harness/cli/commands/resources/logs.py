"""Print what the containers of a job or an endpoint write."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from harness.cli.arguments import add_kind, number
from harness.cli.output import print_json, say
from harness.cli.signals import Interrupted
from harness.cli.target import aws_errors, target
from harness.console import plain
from harness.errors import HarnessError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.resources import Resource
    from harness.cli.signals import Signals
    from harness.cli.target import Target
    from harness.flow.logs import Line, LogReader


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="JOB|ENDPOINT", help="of which; `harness ls` lists them")
    parser.add_argument(
        "-f", "--follow", action="store_true",
        help="go on until the job has ended, or the endpoint is gone, or Ctrl-C",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--number", type=number, default=None, help="only that many of the last lines"
    )
    add_kind(parser)


def run(arguments: Namespace, _: Signals) -> int:
    from harness.cli.resources import find
    from harness.flow.logs import LogReader

    there = target(arguments)
    with aws_errors():
        found = find(there, arguments.name, arguments.kind)
        if not found.group:
            raise HarnessError(
                f"{found}: tuning jobs write no log, their training jobs do; `harness ls` has them."
            )
        log = LogReader(there.boto, found.group, found.streams)
        lines = log.new()
        if arguments.number is not None:
            lines = lines[len(lines) - min(arguments.number, len(lines)) :]
        shown = Shown(arguments.json)
        shown.show(lines)
        if arguments.follow:
            try:
                _follow(there, found, log, shown)
            except Interrupted:
                if arguments.json:
                    raise
                return 0
        elif not shown.count:
            say(f"{found} is {found.status} and has written nothing.")
    if arguments.json:
        print_json(
            kind=found.kind.word, name=found.name, group=found.group,
            lines=[each._asdict() for each in shown.lines],
        )  # fmt: skip
    return 0


class Shown:
    """Prints lines, each behind its host or instance as soon as there are several."""

    def __init__(self, json: bool) -> None:
        self._json = json
        self._streams: set[str] = set()
        self.count = 0
        self.lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        self.count += len(lines)
        if self._json:
            self.lines += lines
            return
        self._streams |= {line.stream for line in lines}
        for line in lines:
            source = f"{line.source} | " if len(self._streams) > 1 else ""
            print(f"{source}{plain(line.text) if sys.stdout.isatty() else line.text}")
        if lines:
            print(end="", flush=True)


def _follow(there: Target, found: Resource, log: LogReader, shown: Shown) -> None:
    from harness.cli.resources import now

    late = 0.0 if there.url else 5.0  # CloudWatch Logs has a job's last lines some time after it
    going: Resource | None = found
    while going is not None and (going.is_going or not going.kind.is_job):
        time.sleep(there.poll_seconds)
        shown.show(log.new())
        found, going = going, now(there, found)
    time.sleep(late)
    shown.show(log.new())
    say(f"{found} is {going.status if going else 'gone'}{_why(going)}.")


def _why(found: Resource | None) -> str:
    return f": {found.reason.rstrip('.')}" if found and found.reason else ""
