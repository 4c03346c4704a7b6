"""Build the image, train, deploy, predict, compare R² with the thresholds, tear down. Sets up what
is missing.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.cli.output import colour, print_json, say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals
    from harness.config import Settings
    from harness.flow.connection import Connection
    from harness.flow.dry_run import Call
    from harness.flow.report import Report
    from harness.local.process import LocalProcess


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the endpoint: local, serve it until Ctrl-C; aws, leave it there (it costs)",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build the image, then print each call that would be made, and make none",
    )


def run(arguments: Namespace, signals: Signals) -> int:
    if arguments.dry_run:
        return _dry_run(arguments, settings_of(arguments))
    from harness.local.process import LocalProcess

    # It loads on one processor what it needs, while this one imports the flow.
    with LocalProcess() as local:
        settings = settings_of(arguments)
        if settings.own_local_aws:
            local.start(settings)
        else:
            local.close()
        return _run(arguments, signals, settings, local)


def _run(
    arguments: Namespace,
    signals: Signals,
    settings: Settings,
    local: LocalProcess,
) -> int:
    from harness.cli.calling import how_to_call
    from harness.flow import run as flow
    from harness.flow.connection import connect

    def show(report: Report) -> None:
        if arguments.json:
            print(report.as_json(), flush=True)
        else:
            print(report.as_table(colour=colour()), flush=True)

    def hold(report: Report, connection: Connection) -> None:
        show(report)
        how = how_to_call(report.endpoint, settings, connection)
        if connection.ephemeral:
            signals.wait(f"{how}\nServing until Ctrl-C.")
        else:
            say(how)

    report = flow.run(
        settings,
        progress=say,
        hold=hold if arguments.keep else None,
        to=connect(settings, local),
    )
    if not arguments.keep:
        show(report)
    return 0 if report.passed else 1


def _dry_run(arguments: Namespace, settings: Settings) -> int:
    """The flow, with each call told instead of made."""
    from harness.flow import run as flow
    from harness.flow.connection import connect_dry

    calls: list[Call] = []

    def tell(call: Call) -> None:
        calls.append(call)
        if not arguments.json:
            print(call, flush=True)

    alone = settings.model_copy(
        update={"aws": settings.aws.model_copy(update={"compare_locally": False})}
    )
    flow.run(alone, progress=say, to=nullcontext(connect_dry(alone, tell)))
    say(f"A dry run: none of these {len(calls)} calls was made.")
    if arguments.json:
        print_json(target=settings.target, calls=[str(call) for call in calls])
    return 0
