"""Run an image as SageMaker would, and say where it departs from the container contract.

Without IMAGE it is the project's. Data that isn't given is the project's, where there is one.
Nothing is made on AWS.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import seconds, settings_of
from harness.cli.output import colour, print_json, say
from harness.errors import ConfigError, HarnessError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.check.run import Row
    from harness.cli.signals import Signals
    from harness.config.settings import Settings


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "image",
        metavar="IMAGE",
        nargs="?",
        help="name or ID of the image; without one the project's, which is built",
    )
    parser.add_argument(
        "--train",
        nargs="+",
        action="extend",
        default=[],
        metavar="[CHANNEL=]PATH",
        help="a file or folder to train on, as the channel of that name ('train' without one)",
    )
    parser.add_argument(
        "--hyperparameters",
        metavar="JSON",
        help="a JSON object of names and values, or a file that holds one",
    )
    parser.add_argument(
        "--payload", type=Path, metavar="FILE", help="the body of a request that it answers"
    )
    parser.add_argument("--content-type", metavar="TYPE", help="the payload's: text/csv, …")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a model.tar.gz to serve, instead of the one that the image trains",
    )
    parser.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="NAME", help="checks or groups"
    )
    parser.add_argument(
        "--skip", nargs="+", action="extend", default=[], metavar="NAME", help="checks or groups"
    )
    parser.add_argument(
        "--time-limit", type=seconds, metavar="SECONDS", help="for a training run, instead of 600"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit's XML there, too")
    parser.add_argument("--list", action="store_true", help="list the checks, and make none")
    parser.add_argument("--markdown", action="store_true", help="with --list: as a page")


def run(arguments: Namespace, _: Signals) -> int:
    from harness.config import extras

    extras.provide("flow", "harness check", say)
    from harness.check import project, report
    from harness.check.inputs import Limits, of_arguments
    from harness.check.run import Options, select
    from harness.check.run import run as run_checks
    from harness.image import docker_engine

    chosen = select(arguments.only, arguments.skip)
    if arguments.list:
        if arguments.json:
            print_json(checks=[{"name": each.name, "rule": each.rule} for each in chosen])
        else:
            print(report.markdown(chosen) if arguments.markdown else report.listing(chosen))
        return 0
    given = of_arguments(
        arguments.train,
        arguments.hyperparameters,
        arguments.payload,
        arguments.content_type,
        arguments.model,
    )
    limits = Limits(training=arguments.time_limit) if arguments.time_limit else Limits()
    settings = settings_of(arguments)
    image = arguments.image
    if image is None:
        image = _built(settings)
    else:
        docker_engine.ensure(say).close()

    def tell(row: Row) -> None:
        if row.verdict.outcome in {"fail", "warn"}:
            say(f"{row.verdict.outcome}: {row.check.name}: {row.verdict.seen}")

    options = Options(arguments.only, arguments.skip, limits)
    with project.inputs(settings) as own:
        results = run_checks(image, given.over(own), options, tell)
    if arguments.json:
        print_json(**results.as_dict())
    elif sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        print(report.table(results, width, colour=colour()))
    else:
        print(report.lines(results))
    if arguments.junit:
        _write(arguments.junit, report.junit(results))
    return 0 if results.passed else 1


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise HarnessError(f"--junit: {file} can't be written: {error.strerror}.") from None


def _built(settings: Settings) -> str:
    """The project's image, built unless it is there."""
    from harness.config.loading import FILE_NAME
    from harness.image import docker_engine
    from harness.image.build import build

    if not settings.image.uri and not (settings.root / settings.image.context).is_dir():
        raise ConfigError(
            f"there is no {FILE_NAME} here, nor a folder {settings.image.context}: name the image "
            "to check, `harness check IMAGE`, or --list the checks."
        )
    client = docker_engine.ensure(say)
    try:
        return build(settings, client, progress=say).name
    finally:
        client.close()
