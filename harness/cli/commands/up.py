"""Start the local AWS as a service, until Ctrl-C. Any SDK may use it: `harness env`. It asks for no
password: whoever reaches its address can run containers here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import port, registry, settings_of
from harness.cli.output import print_json, say
from harness.cli.signals import Interrupted

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals
    from harness.service.state import Running


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--detach", action="store_true", help="return when it is ready; `harness down` ends it"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="to listen on; any but a loopback address opens it, unauthenticated, to others",
    )
    parser.add_argument(
        "--port", type=port, help="instead of local.port in the settings; 0 takes a free one"
    )
    parser.add_argument(
        "--registry",
        type=registry,
        metavar="HOST:PORT",
        help="instead of local.registry in the settings: a container registry behind its ECR",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="go on with what was saved in this folder, and save everything there at the end",
    )


def run(arguments: Namespace, signals: Signals) -> int:
    settings = settings_of(arguments)
    from harness.cli.log import show_log
    from harness.service.detach import detach
    from harness.service.engine import prepare_engine
    from harness.service.serve import require_room, serve

    number = settings.local.port if arguments.port is None else arguments.port

    where = arguments.host, number

    def show(running: Running) -> None:
        if arguments.json:
            print_json(**running.as_dict())
        else:
            print(_how_to_use(running), flush=True)

    require_room(*where)
    prepare_engine(say)
    if arguments.detach:
        loudness = ["--verbose"] if say.verbose else ["--quiet"] if say.quiet else []
        show(detach(*where, settings.local.registry, arguments.config, arguments.state, loudness))
        return 0
    show_log(say)
    serving = False

    def ready(running: Running) -> None:
        nonlocal serving
        serving = True
        show(running)
        say("Serving until Ctrl-C.")

    try:
        serve(
            settings, *where, state_folder=arguments.state,
            progress=say, ready=ready, wait=signals.wait,
        )  # fmt: skip
    except Interrupted:
        if not serving:
            raise
    return 0


def _how_to_use(running: Running) -> str:
    return "\n".join(
        [
            f"The local AWS answers at {running.url}",
            '  eval "$(harness env)"  makes a shell, and what is started from it, use it',
            f"  {running.url}/  shows its jobs and endpoints in a browser",
        ]
    )
