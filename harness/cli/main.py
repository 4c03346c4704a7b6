"""The command line: `harness COMMAND`, where each command is a module of `harness.cli.commands`.

Such a module has

- a docstring, whose first paragraph is the command's line in `harness --help`;
- `add_arguments(parser)`, which adds its flags to those that every command takes;
- `run(arguments, signals)`, which does it and returns the exit status.

What a command needs is imported in its functions: `harness --help` must wait for nothing. Of the
commands themselves only the one is imported that the arguments name. A new command is a file there
and a line in `COMMANDS`.

Every command takes `--json`: the last line on stdout is then one JSON object. Progress and logs go
to stderr, always. What it leaves with is one of `EXIT_STATUSES`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from harness import paths, startup
from harness.cli.arguments import add_common, add_loudness
from harness.cli.output import print_json, say
from harness.cli.signals import Interrupted, Signals
from harness.console import Needed, plain
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
    "resources.ls",
    "resources.logs",
    "resources.invoke",
    "resources.stop",
    "resources.exec",
    "build",
    "push",
    "check",
    "doctor",
    "policy",
    "faults",
    "clean",
    "shell.completion",
)
"""In the order in which `harness --help` lists them."""

_BEFORE = ("-h", "--help", "-q", "--quiet", "-v", "--verbose")
"""Options that may stand before the command."""

_NOBODY_READS = 128 + signal.SIGPIPE

EXIT_STATUSES = {
    (0,): "passed",
    (HarnessError.exit_code,): "a step failed, or a threshold was missed",
    (ConfigError.exit_code,): "wrong usage or configuration",
    (128 + signal.SIGHUP, 128 + signal.SIGINT, 128 + signal.SIGTERM): "ended by SIGHUP, Ctrl-C or "
    "SIGTERM, once everything is torn down",
    (_NOBODY_READS,): "nobody read on: `harness logs JOB | head`",
}
"""What each means. `harness exec` leaves with the status of its command."""


class Command(Protocol):
    """A module of `harness.cli.commands`."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...

    def run(self, arguments: argparse.Namespace, signals: Signals, /) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status. Without one, that is to show the help."""
    given = sys.argv[1:] if argv is None else argv
    if not given:
        parser().print_help()
        return 0
    arguments, unknown = parser(_named(given)).parse_known_args(given)
    if unknown:
        early = _early(given)
        arguments.refuse(
            f"{early} stands behind the command"
            if early in unknown
            else f"unrecognized arguments: {' '.join(unknown)}"
        )
    say.quiet = "quiet" in arguments
    say.verbose = "verbose" in arguments
    command: Command = arguments.command
    startup.prepare()
    signals = Signals()
    try:
        _require_folder()
        return command.run(arguments, signals)
    except Interrupted as interrupted:
        return _fail(arguments, f"{interrupted} and torn down.", 128 + interrupted.signum)
    except HarnessError as error:
        return _fail(arguments, str(error), error.exit_code, error.last_lines)
    except BrokenPipeError:  # whoever read it has enough: `harness logs JOB | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
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


def _named(given: Sequence[str]) -> tuple[str, ...]:
    """The commands that the arguments may be for: that which they name, none, or any.

    What stands before it takes no values, so the first that is no option is the command.
    """
    if "--version" in given[:1]:
        return ()
    first = next((each for each in given if not each.startswith("-")), "")
    found = tuple(name for name in COMMANDS if shown_name(name) == first)
    if first and not found:
        _refuse(first, _early(given))
    return found or COMMANDS


def _early(given: Sequence[str]) -> str:
    """The first option that stands before the command, of those that stand behind it; or ""."""
    before = takewhile(lambda each: each.startswith("-"), given)
    return next((each for each in before if each not in _BEFORE), "")


def _refuse(first: str, early: str) -> NoReturn:
    """Say that there is no such command, without the list of all; leaves with 2."""
    from harness.suggestions import meant

    close = meant(first, map(shown_name, COMMANDS))
    text = f"there is no command {first!r}{close}; `harness --help` lists them"
    if early:  # of which it may be the value
        text = f"{early} stands behind the command, as in `harness run {early} {first}`"
    parser(()).error(text)


def shown_name(command: str) -> str:
    """What a command is called: `runs.compare` is `harness compare`."""
    return command.rpartition(".")[2]


def parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The arguments of `harness`, with those of the commands that are named."""
    whole = argparse.ArgumentParser(
        prog="harness",
        description="Train and serve your own container on a local Amazon SageMaker, "
        "then on the real one.",
        epilog="Settings are in harness.toml; HARNESS_* variables override them. NO_COLOR=1 takes "
        "the colours away.",
    )
    whole.add_argument("--version", action=_Version, nargs=0, help="show the version, and leave")
    add_loudness(whole)
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        command = cast("Command", import_module(f"harness.cli.commands.{name}"))
        text = _first_paragraph(command)
        of_command = commands.add_parser(shown_name(name), help=text, description=text)
        # Argparse has the whole refuse what a command doesn't know, which shows no option of it.
        of_command.set_defaults(command=command, refuse=of_command.error)
        add_common(of_command)
        command.add_arguments(of_command)
    return whole


class _Version(argparse.Action):
    """Argparse's own would have to know the version each time, which is looked up in files."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"harness {version('sagemaker-harness')}", flush=True)
        parser.exit()


def _first_paragraph(command: Command) -> str:
    paragraph = (command.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("%", "%%")


def _unexpected(arguments: argparse.Namespace, error: Exception) -> int:
    import traceback

    say.close()
    traceback.print_exc()
    return _fail(arguments, f"unexpected {type(error).__name__}: {error}", 1)


def _fail(
    arguments: argparse.Namespace, sentence: str, status: int, last_lines: Sequence[str] = ()
) -> int:
    """Say what failed and where, what to do about it, and what the container has said last."""
    from harness.cli.hints import hint

    say.close()
    # What a container has said may be in it, with whatever a terminal would act on.
    say(Needed("\n".join(map(plain, f"harness: {sentence}".split("\n")))))
    todo = hint("\n".join((sentence, *last_lines))) if last_lines or status == 1 else ""
    if todo:
        say(Needed(f"what to do: {todo}."))
    if last_lines:
        say(Needed("the container's last lines:"))
        for line in last_lines:
            say(Needed(f"  | {line}"))
    if arguments.json:
        more = {"hint": todo} if todo else {}
        lines = {"last_lines": list(last_lines)} if last_lines else {}
        print_json(error=sentence, passed=False, **more, **lines)
    return status
