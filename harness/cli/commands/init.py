"""Make a project for a container: settings, Dockerfile, code, data, tests, a workflow. It works as
it is, and overwrites nothing.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.output import print_json, say
from harness.console import Needed
from harness.errors import ConfigError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder of the project, made if it isn't there; by default this one",
    )
    parser.add_argument(
        "--template",
        metavar="NAME",
        help="sklearn (the default), flask, script, gauss3 or image",
    )
    parser.add_argument(
        "--image", default="", metavar="NAME", help="for the template image: the one that exists"
    )
    parser.add_argument("--list", action="store_true", help="list the templates, and make nothing")


def run(arguments: Namespace, _: Signals) -> int:
    from harness.templates import existing, render

    if arguments.list:
        return _list(arguments)
    template = _template(arguments)
    folder: Path = arguments.folder
    about = existing.about(arguments.image) if arguments.image else ""
    files = render.project(template, render.project_name(folder), arguments.image, about)
    render.write(folder, files)

    following = ["harness run", "pytest", "harness run --keep"]
    if folder.resolve() != Path.cwd():
        following = [f"cd {shlex.quote(str(folder))}", *following[:2]]
    from harness.config import extras

    if extras.missing("flow"):
        following = [extras.command("flow"), *following]
    if arguments.json:
        print_json(
            folder=str(folder.resolve()), template=template, files=sorted(files), next=following
        )
    else:
        print(f"{folder.resolve()}: {len(files)} files of the template {template}. Next:\n")
        print("".join(f"    {command}\n" for command in following), end="", flush=True)
    return 0


def _list(arguments: Namespace) -> int:
    from harness.templates.render import TEMPLATES

    if arguments.json:
        print_json(templates={name: each.line for name, each in TEMPLATES.items()})
    else:
        for name, each in TEMPLATES.items():
            print(f"{name:<9}{each.line}")
    return 0


def _template(arguments: Namespace) -> str:
    """Which one it is to be: by the arguments, else asked for on a terminal, else the default.

    Raises:
        ConfigError: there is no such template, or the image doesn't go with it.
    """
    from harness.suggestions import meant
    from harness.templates.render import DEFAULT, TEMPLATES

    name = arguments.template or ("image" if arguments.image else "")
    if not name:
        name = _asked() if _may_ask(arguments) else DEFAULT
    if name not in TEMPLATES:
        close = meant(name, TEMPLATES)
        raise ConfigError(f"there is no template {name}{close}; there are {', '.join(TEMPLATES)}.")
    if name == "image" and not arguments.image:
        raise ConfigError("the template image is around an image that exists: give --image NAME.")
    if arguments.image and name != "image":
        raise ConfigError(
            f"--image is for the template image; the template {name} builds an image of its own."
        )
    return str(name)


def _may_ask(arguments: Namespace) -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and not arguments.json


def _asked() -> str:
    from harness.templates.render import DEFAULT, TEMPLATES

    choices = {name: each for name, each in TEMPLATES.items() if name != "image"}
    for name, each in choices.items():
        say(Needed(f"  {name:<9}{each.line}"))
    print(f"Which template? [{DEFAULT}] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or DEFAULT
