"""Say what is missing and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.cli.output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(_: ArgumentParser) -> None:
    """None of its own."""


def run(arguments: Namespace, _: Signals) -> int:
    settings = settings_of(arguments)
    from harness.cli import machine_checks

    checks = machine_checks.examine(settings)
    healthy = all(check.ok for check in checks)
    if arguments.json:
        print_json(ok=healthy, checks=[check.as_dict() for check in checks])
    else:
        for check in checks:
            found = "unknown" if check.unknown else "ok" if check.ok else "MISSING"
            print(f"{found:<9}{check.name:<14}{check.detail}")
            if not check.ok:
                print(f"{'':<9}{'':<14}→ {check.remedy}")
    return 0 if healthy else 1
