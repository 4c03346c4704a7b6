"""Print what completes commands in a shell; `harness completion --help` says where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals

_WHERE = """\
bash: harness completion bash > ~/.local/share/bash-completion/completions/harness
zsh: harness completion zsh > DIR/_harness, where DIR is a folder of $fpath, before compinit
fish: harness completion fish > ~/.config/fish/completions/harness.fish"""


def add_arguments(parser: ArgumentParser) -> None:
    from argparse import RawDescriptionHelpFormatter

    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = _WHERE
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which")


def run(arguments: Namespace, _: Signals) -> int:
    import shtab

    from harness.cli.main import parser

    whole = parser()
    _complete_paths(whole)
    script = shtab.complete(whole, shell=arguments.shell)
    if arguments.json:
        print_json(shell=arguments.shell, script=script)
    else:
        print(script, flush=True)
    return 0


def _complete_paths(parser: ArgumentParser) -> None:
    """Have what is a file or a folder completed as one, of the commands, too."""
    import shtab

    for action in parser._actions:
        if isinstance(action.choices, dict):
            for each in action.choices.values():
                _complete_paths(each)
        named = str(action.metavar)
        if "FILE" in named or "DIR" in named:
            action.complete = shtab.FILE if "FILE" in named else shtab.DIRECTORY  # type: ignore[attr-defined]
