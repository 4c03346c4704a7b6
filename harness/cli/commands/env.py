"""Print what a shell needs to use it: eval "$(harness env)". With --json, an object whose nulls are
variables to unset.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.cli.output import print_json
from harness.errors import ServiceError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(_: ArgumentParser) -> None:
    """None of its own."""


def run(arguments: Namespace, _: Signals) -> int:
    from harness.service import environment, state

    running = state.find()
    if running is None:
        raise ServiceError("no local AWS is running; start one with `harness up --detach`.")
    variables = environment.variables_for(running, os.environ)
    if arguments.json:
        print_json(**variables)
    else:
        print(environment.as_shell(variables))
    return 0
