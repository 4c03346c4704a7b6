"""Build the image, unless it is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.cli.output import print_json, say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(_: ArgumentParser) -> None:
    """None of its own."""


def run(arguments: Namespace, _: Signals) -> int:
    settings = settings_of(arguments)
    from harness.image import build, docker_engine

    built = build.build(settings, docker_engine.ensure(say), progress=say)
    if arguments.json:
        print_json(image=built.name, id=built.id, built=built.built, seconds=built.seconds)
    else:
        print(f"{built.name}  {f'built in {built.seconds:.1f} s' if built.built else 'unchanged'}")
    return 0
