"""List jobs and endpoints, with what runs first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.cli.arguments import number
from harness.cli.output import colour, print_json
from harness.cli.target import aws_errors, target
from harness.console import plain

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.resources import Resource
    from harness.cli.signals import Signals

_COLOURS = {"Failed": "31", "InService": "32", "Completed": "32"}
_GOING = "36"
_REASON = 100
"""Characters of a reason that are shown."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--number", type=number, default=10,
        help="how many of each kind that have ended, the newest; by default 10",
    )  # fmt: skip
    parser.add_argument("--running", action="store_true", help="only what runs")


def run(arguments: Namespace, _: Signals) -> int:
    from harness.cli.resources import KINDS, newest

    there = target(arguments)
    with aws_errors():
        found = [each for kind in KINDS for each in newest(there, kind, arguments.number)]
    found = [each for each in found if each.is_going or not arguments.running]
    found.sort(key=lambda each: (each.is_going, each.created), reverse=True)
    if arguments.json:
        print_json(resources=[each.as_dict() for each in found])
    elif found:
        print("\n".join(_table(found)), flush=True)
    else:
        print(f"nothing{' runs' if arguments.running else ''} on {there}", flush=True)
    return 0


def _table(found: list[Resource]) -> list[str]:
    """Lines of kind, name, status, age, time taken and reason."""
    at = datetime.now(UTC)
    rows = [
        (
            each.kind.short,
            each.name,
            each.status,
            f"{_span((at - each.created).total_seconds())} ago",
            _span((each.ended - each.created).total_seconds()) if each.ended else "",
        )
        for each in found
    ]
    titles = ("KIND", "NAME", "STATUS", "CREATED", "TOOK")
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [_line(titles, widths)]
    for each, row in zip(found, rows, strict=True):
        line = _line(row, widths)
        if colour():
            code = _COLOURS.get(each.status, _GOING if each.is_going else "")
            padded = f"  {each.status:<{widths[2]}}  "
            line = line.replace(padded, f"  \x1b[{code}m{padded[2:-2]}\x1b[0m  ", 1)
        lines.append(f"{line}  {_one_line(each.reason)}".rstrip())
    return lines


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _one_line(reason: str) -> str:
    """A container's words may be in it."""
    text = " ".join(plain(" ".join(reason.split())).split())
    return text if len(text) <= _REASON else f"{text[: _REASON - 1]}…"


def _span(seconds: float) -> str:
    """A time as somebody would say it: 12 s, 5 min, 3 h, 2 d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
