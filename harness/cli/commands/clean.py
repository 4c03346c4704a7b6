"""Remove what killed runs left behind, and images of ours that were superseded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.cli.output import print_json, say
from harness.console import Needed
from harness.errors import EngineError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--every-host",
        action="store_true",
        help="also what runs elsewhere have left: on other machines (aws: as far as tags tell) and "
        "in other containers that have this Docker engine; make sure that none of them is at work",
    )


def run(arguments: Namespace, _: Signals) -> int:
    settings = settings_of(arguments)
    from harness.flow import cleanup
    from harness.image import docker_engine, prune
    from harness.local.engine import sessions

    everywhere = arguments.every_host
    removed, left = cleanup.clean(settings, every_host=everywhere)
    unknown: list[str] = []
    try:
        docker = docker_engine.connect()
        removed += sessions.clean(docker, everywhere=everywhere) + prune.clean(settings, docker)
        unknown = sessions.elsewhere(docker)
    except EngineError as error:
        if settings.target == "local":
            raise
        say(Needed(f"harness: containers and images were left alone: {error}"))
    if arguments.json:
        print_json(removed=removed, left=left, elsewhere=unknown)
    else:
        print("\n".join(f"removed {name}" for name in removed) or "nothing to remove")
        print("".join(f"left {name}\n" for name in left), end="")
        for name in unknown:
            print(
                f"left {name}: whether its run lives can't be told from here, which has other "
                "processes and files; if it doesn't, `harness clean --every-host` removes it"
            )
    return 1 if left else 0
