"""The command line: `harness COMMAND`, where each command is a module of `harness.cli.commands`.

Such a module has

- a docstring, whose first paragraph is the command's line in `harness --help`;
- `add_arguments(parser)`, which adds its flags to those that every command takes;
- `run(arguments, signals)`, which does it and returns the exit status.

What a command needs is imported in its functions: `harness --help` must wait for nothing. A new
command is a file there and a line in `COMMANDS`.

Every command takes `--json`: the last line on stdout is then one JSON object. Progress and logs go
to stderr, always. Exit status: 0 passed; 1 a step failed or a threshold was missed; 2 wrong usage
or configuration; 130, 143 and 129 after Ctrl-C, SIGTERM and SIGHUP, once everything is torn down.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from harness import paths, startup
from harness.cli.arguments import add_common
from harness.cli.output import print_json, say
from harness.cli.signals import Interrupted, Signals
from harness.errors import ConfigError, HarnessError
from harness.limits import disk

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "init",
    "run",
    "runs.compare",
    "up",
    "down",
    "env",
    "build",
    "push",
    "check",
    "doctor",
    "policy",
    "faults",
    "clean",
)
"""In the order in which `harness --help` lists them."""


class Command(Protocol):
    """A module of `harness.cli.commands`."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...

    def run(self, arguments: argparse.Namespace, signals: Signals, /) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    arguments = _parser().parse_args(argv)
    command: Command = arguments.command
    startup.prepare()
    signals = Signals()
    try:
        _require_folder()
        return command.run(arguments, signals)
    except Interrupted as interrupted:
        return _fail(arguments, f"{interrupted} and torn down.", 128 + interrupted.signum)
    except HarnessError as error:
        return _fail(arguments, str(error), error.exit_code)
    except OSError as error:
        if not disk.is_full(error):
            return _unexpected(arguments, error)
        where = Path(error.filename).parent if error.filename else paths.state_folder()
        return _fail(arguments, f"{disk.sentence(error, where)}.", 1)
    except Exception as error:  # noqa: BLE001  # with --json, this too is an object on stdout
        return _unexpected(arguments, error)
    finally:
        signals.restore()
        startup.leave()


def _require_folder() -> None:
    """Raises `ConfigError` where the working directory was removed: nothing is found then."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigError(
            "the folder that this was started in is gone; go to another one."
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Train and serve your own container on a local Amazon SageMaker, "
        "then on the real one.",
        epilog="Settings are in harness.toml; HARNESS_* variables override them.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = cast("Command", import_module(f"harness.cli.commands.{name}"))
        text = _first_paragraph(command)
        of_command = commands.add_parser(name.rpartition(".")[2], help=text, description=text)
        of_command.set_defaults(command=command)
        add_common(of_command)
        command.add_arguments(of_command)
    return parser


def _first_paragraph(command: Command) -> str:
    paragraph = (command.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("%", "%%")


def _unexpected(arguments: argparse.Namespace, error: Exception) -> int:
    import traceback

    traceback.print_exc()
    return _fail(arguments, f"unexpected {type(error).__name__}: {error}", 1)


def _fail(arguments: argparse.Namespace, sentence: str, status: int) -> int:
    say(f"harness: {sentence}")
    if arguments.json:
        print_json(error=sentence, passed=False)
    return status
