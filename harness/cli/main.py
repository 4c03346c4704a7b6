"""The command line: `harness run | up | down | env | build | push | doctor | policy | clean`.

Every command takes `--json`: the last line on stdout is then one JSON object. Progress and logs go
to stderr, always. Exit status: 0 passed; 1 a step failed or a threshold was missed; 2 wrong usage
or configuration; 130, 143 and 129 after Ctrl-C, SIGTERM and SIGHUP, once everything is torn down.

What a command needs is imported in it: `harness --help` must wait for nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import startup
from harness.console import Console, ConsoleHandler
from harness.errors import ConfigError, EngineError, HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from harness.config import Settings
    from harness.flow.connection import Connection
    from harness.flow.dry_run import Call
    from harness.flow.report import Report
    from harness.local.process import LocalProcess
    from harness.service.running import Running


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    arguments = _parser().parse_args(argv)
    startup.prepare()
    signals = Signals()
    try:
        return int(arguments.command(arguments, signals))
    except Interrupted as interrupted:
        return _fail(arguments, f"{interrupted} and torn down.", 128 + interrupted.signum)
    except HarnessError as error:
        return _fail(arguments, str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001  # with --json, this too is an object on stdout
        traceback.print_exc()
        return _fail(arguments, f"unexpected {type(error).__name__}: {error}", 1)
    finally:
        signals.restore()
        startup.leave()


def run(arguments: argparse.Namespace, signals: Signals) -> int:
    if arguments.dry_run:
        return _dry_run(arguments, _settings(arguments))
    from harness.local.process import LocalProcess

    # It loads on one processor what it needs, while this one imports the flow.
    with LocalProcess() as local:
        settings = _settings(arguments)
        if settings.own_local_aws:
            local.start(settings)
        else:
            local.close()
        return _run(arguments, signals, settings, local)


def _run(
    arguments: argparse.Namespace,
    signals: Signals,
    settings: Settings,
    local: LocalProcess,
) -> int:
    from harness.flow import run
    from harness.flow.connection import connect

    def show(report: Report) -> None:
        if arguments.json:
            print(report.as_json(), flush=True)
        else:
            print(report.as_table(colour=_colour()), flush=True)

    def hold(report: Report, connection: Connection) -> None:
        show(report)
        how = _how_to_call(report, settings, connection)
        if connection.ephemeral:
            signals.wait(f"{how}\nServing until Ctrl-C.")
        else:
            _say(how)

    report = run.run(
        settings,
        progress=_say,
        hold=hold if arguments.keep else None,
        to=connect(settings, local),
    )
    if not arguments.keep:
        show(report)
    return 0 if report.passed else 1


def _dry_run(arguments: argparse.Namespace, settings: Settings) -> int:
    """The flow, with each call told instead of made."""
    from harness.flow import run
    from harness.flow.connection import connect_dry

    calls: list[Call] = []

    def tell(call: Call) -> None:
        calls.append(call)
        if not arguments.json:
            print(call, flush=True)

    alone = settings.model_copy(
        update={"aws": settings.aws.model_copy(update={"compare_locally": False})}
    )
    run.run(alone, progress=_say, to=nullcontext(connect_dry(alone, tell)))
    _say(f"A dry run: none of these {len(calls)} calls was made.")
    if arguments.json:
        _print_json(target=settings.target, calls=[str(call) for call in calls])
    return 0


def up(arguments: argparse.Namespace, signals: Signals) -> int:
    settings = _settings(arguments)
    from harness.service import running

    port = settings.local.port if arguments.port is None else arguments.port

    def show(running: running.Running) -> None:
        if arguments.json:
            _print_json(**running.as_dict())
        else:
            print(_how_to_use(running), flush=True)

    running.prepare_engine(_say)
    if arguments.detach:
        show(running.detach(arguments.host, port, settings.local.registry, arguments.config))
        return 0
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", handlers=[ConsoleHandler(_say)]
    )
    logging.getLogger("harness").setLevel(logging.INFO)

    serving = False

    def ready(running: running.Running) -> None:
        nonlocal serving
        serving = True
        show(running)
        _say("Serving until Ctrl-C.")

    try:
        running.serve(settings, arguments.host, port, progress=_say, ready=ready, wait=signals.wait)
    except Interrupted:
        if not serving:
            raise
    return 0


def down(arguments: argparse.Namespace, _: Signals) -> int:
    from harness.service import running

    ended = running.down()
    # Also what an earlier one left that was killed.
    removed = running.remove_leftovers(_say)
    if arguments.json:
        _print_json(ended=ended and ended.as_dict(), removed=removed)
    else:
        print(f"ended the local AWS at {ended.url}" if ended else "no local AWS was running")
    return 0


def env(arguments: argparse.Namespace, _: Signals) -> int:
    from harness.errors import ServiceError
    from harness.service import running

    found = running.find()
    if found is None:
        raise ServiceError("no local AWS is running; start one with `harness up --detach`.")
    variables = running.environment(found, os.environ)
    if arguments.json:
        _print_json(**variables)
    else:
        print(running.as_shell(variables))
    return 0


def build(arguments: argparse.Namespace, _: Signals) -> int:
    settings = _settings(arguments)
    from harness.image import build, docker_engine

    built = build.build(settings, docker_engine.ensure(_say), progress=_say)
    if arguments.json:
        _print_json(image=built.name, id=built.id, built=built.built, seconds=built.seconds)
    else:
        print(f"{built.name}  {f'built in {built.seconds:.1f} s' if built.built else 'unchanged'}")
    return 0


def push(arguments: argparse.Namespace, _: Signals) -> int:
    settings = _settings(arguments)
    if not settings.place.repository:
        raise ConfigError(
            f'target = "{settings.target}" has no repository to push to, as the engine that builds '
            "the image runs it, too; for ECR: `harness push --target aws`."
        )
    from harness.flow.connection import connect
    from harness.image import build, docker_engine
    from harness.image.push import ensure

    with connect(settings) as connection:
        docker = docker_engine.ensure(_say)
        built = build.build(settings, docker, progress=_say)
        there = ensure(settings, connection.boto, docker, built, progress=_say)
    if arguments.json:
        _print_json(
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


def doctor(arguments: argparse.Namespace, _: Signals) -> int:
    settings = _settings(arguments)
    from harness.cli.doctor import examine

    checks = examine(settings)
    healthy = all(check.ok for check in checks)
    if arguments.json:
        _print_json(ok=healthy, checks=[check.as_dict() for check in checks])
    else:
        for check in checks:
            found = "unknown" if check.unknown else "ok" if check.ok else "MISSING"
            print(f"{found:<9}{check.name:<14}{check.detail}")
            if not check.ok:
                print(f"{'':<9}{'':<14}→ {check.remedy}")
    return 0 if healthy else 1


def policy(arguments: argparse.Namespace, _: Signals) -> int:
    settings = _settings(arguments)
    from harness.account import policy_documents

    role = settings.aws.role_arn
    account = arguments.account or (policy_documents.Role(role).account if role else "")
    found = policy_documents.document(arguments.name, settings, account, github=arguments.github)
    if arguments.json:
        _print_json(**found)
    else:
        print(json.dumps(found, indent=2))
    return 0


def clean(arguments: argparse.Namespace, _: Signals) -> int:
    settings = _settings(arguments)
    from harness.flow import cleanup
    from harness.image import build, docker_engine
    from harness.local.engine import sessions

    removed, left = cleanup.clean(settings, every_host=arguments.every_host)
    try:
        docker = docker_engine.connect()
        removed += sessions.clean(docker) + build.clean(settings, docker)
    except EngineError as error:
        if settings.target == "local":
            raise
        _say(f"harness: containers and images were left alone: {error}")
    if arguments.json:
        _print_json(removed=removed, left=left)
    else:
        print("\n".join(f"removed {name}" for name in removed) or "nothing to remove")
        print("".join(f"left {name}\n" for name in left), end="")
    return 1 if left else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Train and serve your own container on a local Amazon SageMaker, "
        "then on the real one.",
        epilog="Settings are in harness.toml; HARNESS_* variables override them.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(command: Callable[[argparse.Namespace, Signals], int], text: str) -> Any:
        sub = commands.add_parser(command.__name__, help=text, description=text)
        sub.set_defaults(command=command)
        sub.add_argument(
            "--json", action="store_true", help="print one JSON object as the last line of stdout"
        )
        sub.add_argument("--config", type=Path, metavar="FILE", help="instead of harness.toml")
        sub.add_argument("--target", choices=("local", "aws"), help="instead of the file's target")
        return sub

    running = add(
        run,
        "Build the image, train, deploy, predict, compare R² with the thresholds, tear down. "
        "Sets up what is missing.",
    )
    running.add_argument(
        "--keep",
        action="store_true",
        help="keep the endpoint: local, serve it until Ctrl-C; aws, leave it there (it costs)",
    )
    running.add_argument(
        "--dry-run",
        action="store_true",
        help="build the image, then print each call that would be made, and make none",
    )
    starting = add(
        up,
        "Start the local AWS as a service, until Ctrl-C. Any SDK may use it: `harness env`. It "
        "asks for no password: whoever reaches its address can run containers here.",
    )
    starting.add_argument(
        "--detach", action="store_true", help="return when it is ready; `harness down` ends it"
    )
    starting.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="to listen on; any but a loopback address opens it, unauthenticated, to others",
    )
    starting.add_argument(
        "--port", type=_port, help="instead of local.port in the settings; 0 takes a free one"
    )
    starting.add_argument(
        "--registry",
        type=_registry,
        metavar="HOST:PORT",
        help="instead of local.registry in the settings: a container registry behind its ECR",
    )
    add(down, "End the local AWS that `up` has started, with all that runs in it.")
    add(
        env,
        'Print what a shell needs to use it: eval "$(harness env)". With --json, an object whose '
        "nulls are variables to unset.",
    )
    add(build, "Build the image, unless it is there already.")
    add(push, "Push the image to ECR, unless it is there already, and name it by its digest.")
    add(doctor, "Say what is missing and how to get it.")
    printing = add(policy, "Print a policy of IAM's that a run on AWS needs, filled in.")
    printing.add_argument(
        "name",
        metavar="POLICY",
        help="execution-role-trust, execution-role, caller, autoscaling or ci-trust: docs/aws.md "
        "says whom they are for",
    )
    printing.add_argument(
        "--account", type=_account, help="12 digits; by default that of aws.role_arn"
    )
    printing.add_argument(
        "--github", default="", metavar="OWNER/REPOSITORY", help="ci-trust: whose workflows"
    )
    add(
        clean, "Remove what killed runs left behind, and images of ours that were superseded."
    ).add_argument(
        "--every-host",
        action="store_true",
        help="aws: also what runs of other machines have left, as far as tags tell; make sure that "
        "none of them is at work",
    )
    return parser


def _account(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) == 12):
        raise argparse.ArgumentTypeError(f"{text} is no account: 12 digits")
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 0 to 65535")
    return int(text)


def _registry(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or "/" in host:
        raise argparse.ArgumentTypeError(f"{text} is no HOST:PORT")
    return f"{host}:{_port(port)}"


def _settings(arguments: argparse.Namespace) -> Settings:
    from harness import config

    environ = dict(os.environ)
    if arguments.target:
        environ["HARNESS_TARGET"] = arguments.target
    if getattr(arguments, "registry", None):  # of `up`
        environ["HARNESS_LOCAL_REGISTRY"] = arguments.registry
    return config.load(arguments.config, environ)


def _how_to_call(report: Report, settings: Settings, connection: Connection) -> str:
    name, region = report.endpoint, connection.region
    if connection.url:
        url = f"{connection.url}/endpoints/{name}/invocations"
        call = f"curl --header 'Content-Type: text/csv' --data 100 {url}"
        options = f"--region {region} --endpoint-url {connection.url} --no-sign-request"
    else:
        call = (
            f"aws sagemaker-runtime invoke-endpoint --region {region} --endpoint-name {name} "
            "--content-type text/csv --cli-binary-format raw-in-base64-out --body 100 /dev/stdout"
        )
        options = f"--region {region}"
    lines = [f"Endpoint {name} is in service. Call it:", f"  {call}"]
    if not connection.ephemeral:
        cost = "" if connection.url else f", and {_cost(settings, connection)},"
        lines.append(f"It serves{cost} until you delete it:")
        lines += [
            f"  aws sagemaker delete-{kind} {options} --{kind}-name {name}"
            for kind in ("endpoint", "endpoint-config", "model")
        ]
    return "\n".join(lines)


def _cost(settings: Settings, connection: Connection) -> str:
    from harness.aws_model import prices

    endpoint = settings.endpoint
    count = endpoint.instance_count
    return prices.of_endpoint(connection.boto, endpoint.instance_type, count, connection.region)


def _how_to_use(running: Running) -> str:
    return "\n".join(
        [
            f"The local AWS answers at {running.url}",
            '  eval "$(harness env)"  makes a shell, and what is started from it, use it',
            f"  {running.url}/  shows its jobs and endpoints in a browser",
        ]
    )


def _fail(arguments: argparse.Namespace, sentence: str, status: int) -> int:
    _say(f"harness: {sentence}")
    if arguments.json:
        _print_json(error=sentence, passed=False)
    return status


def _print_json(**members: Any) -> None:
    print(json.dumps(members), flush=True)


_say = Console()


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM, or a terminal that is gone."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    def __str__(self) -> str:
        return f"interrupted by {signal.Signals(self.signum).name}"


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP, as an exception that tears down what runs.

    Once is enough: a second signal only says that tear-down is under way, and a third gives up on
    it (the next start removes what is then left).
    """

    def __init__(self) -> None:
        self._count = 0
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else it is `nohup`'s wish
            numbers.append(signal.SIGHUP)
        self._before = {
            number: signal.signal(number, self._receive)
            for number in numbers
            if threading.current_thread() is threading.main_thread()
        }

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, words: str = "") -> None:
        """Say the words, and wait for a signal; from the first one on, it is a wish to go on."""
        # `signal.pause` would miss one that comes just before it, or to another thread.
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer)
        try:
            if words:
                _say(words)
            while True:
                os.read(reader, 1)
        except Interrupted:
            _say("Tearing down ...")
        finally:
            signal.set_wakeup_fd(before)
            os.close(reader)
            os.close(writer)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._count += 1
        if self._count == 2:
            _say("Tearing down already; once more to leave it undone.")
        else:
            raise Interrupted(number)
