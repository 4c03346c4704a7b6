"""Run a command in the container of a job or an endpoint that runs locally; by default a shell."""

from __future__ import annotations

import re
from argparse import REMAINDER
from typing import TYPE_CHECKING

from harness.cli.output import print_json
from harness.cli.target import aws_errors, target
from harness.errors import ConfigError, HarnessError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.resources import Resource
    from harness.cli.signals import Signals
    from harness.cli.target import Target

_SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash; exec sh")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="", metavar="NAME",
        help="of a job with several hosts: algo-2; of an endpoint with several variants: which",
    )  # fmt: skip
    parser.add_argument("name", metavar="JOB|ENDPOINT", help="whose container")
    parser.add_argument(
        "arguments", nargs=REMAINDER, metavar="COMMAND", help="with its arguments; by default sh"
    )


def run(arguments: Namespace, _: Signals) -> int:
    from harness.cli.resources import find

    there = target(arguments)
    if not there.url:
        raise ConfigError(
            "harness exec: only the local AWS lets anybody into a container; on AWS, a training "
            "job that was created with RemoteDebugConfig does, by `aws ssm start-session --target "
            "sagemaker-training-job:JOB_algo-1`."
        )
    from harness.image import docker_engine
    from harness.service import attached

    command = arguments.arguments[1:] if arguments.arguments[:1] == ["--"] else arguments.arguments
    with aws_errors():
        found = find(there, arguments.name)
        parts = _parts(there, found)
    process = there.running.pid if there.running else None
    client = docker_engine.connect()
    try:
        containers = attached.running(client, found.name, parts, process)
        chosen = [each for each in containers if arguments.host in ("", each.part)]
        if not chosen:
            raise HarnessError(_none(found, arguments.host, [each.part for each in containers]))
        status = attached.run(client, chosen[0].id, command or _SHELL)
    finally:
        client.close()
    if arguments.json:
        print_json(container=chosen[0].name, status=status)
    return status


def _parts(there: Target, found: Resource) -> list[str]:
    """What stands in the names of its containers, as patterns."""
    if found.kind.short in ("training", "processing"):
        return [r"algo-\d+"]
    if found.kind.short == "transform":
        return [""]
    if found.kind.is_job:
        return []
    said = there.boto.client("sagemaker").describe_endpoint(EndpointName=found.name)
    return [re.escape(each["VariantName"]) for each in said.get("ProductionVariants", [])]


def _none(found: Resource, host: str, parts: list[str]) -> str:
    if parts:
        return f"{found} has no container of {host}, but of {', '.join(parts)}."
    if found.kind.short == "tuning":
        return f"{found} has no container; its training jobs have: `harness ls --running`."
    return f"{found} has no container that runs: it is {found.status}."
