"""Build the image, train, deploy, predict, compare the metrics with the thresholds, tear down. Sets
up what is missing.
"""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import debug_port, settings_of
from harness.cli.output import colour, print_json, say
from harness.console import Needed

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from contextlib import AbstractContextManager

    from harness.cli.signals import Signals
    from harness.config.settings import Settings
    from harness.flow.connection import Connection
    from harness.flow.dry_run import Call
    from harness.flow.plan import Plan
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
    steps = "build, push, stage, process, train, deploy, predict, compare, transform"
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="STEP",
        help=f"this step, and what it needs: {steps}",
    )
    parser.add_argument(
        "--from",
        dest="start",
        default="",
        metavar="STEP",
        help="from this step on; of deploy, give --model",
    )
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="STEP",
        help="without this step, and what needs it",
    )
    parser.add_argument(
        "--model",
        default="",
        metavar="FILE|URI",
        help="a model.tar.gz to deploy; nothing is trained",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="for the report, the model, the predictions and the logs; by default build/runs/RUN",
    )
    parser.add_argument(
        "--debug",
        nargs="?",
        const="train",
        choices=("train", "serve"),
        help="local: have this container wait for a debugger (VS Code's, say); by default train",
    )
    parser.add_argument(
        "--debug-port",
        type=debug_port,
        default=5678,
        metavar="PORT",
        help="with --debug: where it is reached, on this machine only (default: 5678)",
    )


def run(arguments: Namespace, signals: Signals) -> int:
    from harness.config import extras

    extras.provide("flow", "harness run", say)
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
    from harness.flow.report import shown

    def show(report: Report) -> None:
        if arguments.json:
            print(report.as_json(), flush=True)
        else:
            print(report.as_table(colour=colour()), flush=True)

    def tell_where(report: Report) -> None:
        if not arguments.json:
            print(f"\nreport    {shown(report.report)}", flush=True)

    def hold(report: Report, connection: Connection) -> None:
        show(report)
        tell_where(report)
        how = how_to_call(report.endpoint, settings, connection)
        if connection.ephemeral:
            signals.wait(Needed(f"{how}\nServing until Ctrl-C."))
        else:
            say(Needed(how))

    plan = _plan(arguments, settings)
    to: AbstractContextManager[Connection] = connect(settings, local)
    if arguments.debug:
        settings, to = _debugged(arguments, settings, plan, to)
    report = flow.run(
        settings,
        progress=say,
        plan=plan,
        hold=hold if arguments.keep else None,
        show=None if arguments.keep or arguments.json else show,
        to=to,
    )
    if not arguments.keep:
        if arguments.json:
            show(report)  # the last line, once all is written
        tell_where(report)
    return 0 if report.passed else 1


def _plan(arguments: Namespace, settings: Settings) -> Plan:
    from harness.flow.plan import make

    output: Path | None = arguments.output
    return make(
        settings,
        only=arguments.only,
        start=arguments.start,
        skip=arguments.skip,
        model=arguments.model,
        output=output.absolute() if output else None,
    )


def _debugged(
    arguments: Namespace,
    settings: Settings,
    plan: Plan,
    to: AbstractContextManager[Connection],
) -> tuple[Settings, AbstractContextManager[Connection]]:
    """The settings and the connection of a run that is debugged; says where to attach."""
    from harness.flow.debug import attaching

    what, port = arguments.debug, arguments.debug_port
    attaching.require(settings, plan, what, port)
    say(Needed(attaching.how(settings, what, port)))
    return attaching.debugged(settings, what, port), attaching.patient(to)


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
    with tempfile.TemporaryDirectory(prefix="harness-dry-run-") as nowhere:
        plan = replace(_plan(arguments, alone), output=Path(nowhere), measured=False)
        flow.run(alone, progress=say, plan=plan, to=nullcontext(connect_dry(alone, tell)))
    say(f"A dry run: none of these {len(calls)} calls was made.")
    if arguments.json:
        print_json(target=settings.target, calls=[str(call) for call in calls])
    return 0
