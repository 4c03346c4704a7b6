"""Push the image to ECR, unless it is there already, and name it by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.cli.output import print_json, say
from harness.errors import ConfigError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(_: ArgumentParser) -> None:
    """None of its own."""


def run(arguments: Namespace, _: Signals) -> int:
    settings = settings_of(arguments)
    if not settings.place.repository:
        raise ConfigError(
            f'target = "{settings.target}" has no repository to push to, as the engine that builds '
            "the image runs it, too; for ECR: `harness push --target aws`."
        )
    from harness.flow.connection import connect
    from harness.image import build, docker_engine
    from harness.image.ecr.push import ensure

    with connect(settings) as connection:
        docker = docker_engine.ensure(say)
        built = build.build(settings, docker, progress=say)
        there = ensure(settings, connection.boto, docker, built, progress=say)
    if arguments.json:
        print_json(
            image=there.name,
            repository=there.repository,
            digest=there.digest,
            pushed=there.pushed,
            seconds=there.seconds,
        )
    else:
        how = f"pushed in {there.seconds:.1f} s" if there.pushed else "was there"
        print(f"{there.name}  {how}")
    return 0
