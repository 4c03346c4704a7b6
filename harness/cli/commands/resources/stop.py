"""Stop a job, or delete an endpoint, and wait for its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import add_kind
from harness.cli.output import print_json, say
from harness.cli.target import aws_errors, target
from harness.errors import HarnessError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.resources import Resource
    from harness.cli.signals import Signals
    from harness.cli.target import Target

SECONDS = 900
"""In which it must have ended: a container has two minutes after SIGTERM, then come its files."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="JOB|ENDPOINT", help="which; `harness ls` lists them")
    parser.add_argument("--no-wait", action="store_true", help="only ask for it, and return")
    add_kind(parser)


def run(arguments: Namespace, _: Signals) -> int:
    from harness.cli.resources import find

    there = target(arguments)
    with aws_errors():
        found = find(there, arguments.name, arguments.kind)
        if not found.is_going:
            raise HarnessError(f"{found} isn't running: it is {found.status}.")
        client: Any = there.boto.client("sagemaker")
        verb = "stop" if found.kind.is_job else "delete"
        if found.status not in ("Stopping", "Deleting"):
            getattr(client, f"{verb}_{found.kind.snake}")(**{f"{found.kind.noun}Name": found.name})
        status = "Stopping" if found.kind.is_job else "Deleting"
        if not arguments.no_wait:
            say(f"{found}: {status} ...")
            status = _end(there, found)
    if arguments.json:
        print_json(kind=found.kind.word, name=found.name, status=status)
    else:
        print(f"{found} is {status}", flush=True)
    return 0


def _end(there: Target, found: Resource) -> str:
    """Wait for it; returns the status that it has then, or `Deleted`.

    Raises:
        HarnessError: time is up.
    """
    from harness.cli.resources import now

    deadline = time.monotonic() + SECONDS
    while (going := now(there, found)) is not None:
        if found.kind.is_job and not going.is_going:
            return going.status
        if going.status == "Failed":
            raise HarnessError(f"{found} could not be deleted: {going.reason.rstrip('.')}.")
        if time.monotonic() > deadline:
            raise HarnessError(f"{found} is still {going.status} after {SECONDS} s.")
        time.sleep(there.poll_seconds)
    return "Deleted"
