"""Let the local AWS that `up` has started go wrong on demand: list faults, add, remove or clear
them. docs/how-to/faults.md has an example of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.cli.arguments import settings_of
from harness.cli.output import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from harness.cli.signals import Signals
    from harness.config.faults import Fault

_FLAGS: Mapping[str, tuple[str, str]] = {
    "operation": ("NAME", "calls of this operation: CreateTrainingJob; * and ? are wildcards"),
    "service": ("NAME", "calls of this service: s3, sagemaker, sagemaker-runtime, sts, …"),
    "resource": ("NAME", "calls about, or events of, what has this name"),
    "error": ("CODE", "the error's code; Throttling is each service's own"),
    "status": ("NUMBER", "the error's HTTP status"),
    "message": ("TEXT", "the error's text"),
    "latency": ("SECONDS", "wait first, or with SlowData for each MB"),
    "event": ("EVENT", ("InsufficientInstanceCapacity, SpotInterruption, OutOfMemory, HostLost, "
              "DataError, SlowData, PingFailure or ContainerExit, in place of a call's error")),
    "delay": ("SECONDS", "from a container's start to the event"),
    "megabytes": ("NUMBER", "with DataError: what has come of the data by then"),
    "host": ("NAME", "with HostLost: which"),
    "probability": ("PART", "how likely it is, 0 to 1"),
    "seed": ("NUMBER", "of the chance"),
    "count": ("NUMBER", "how often it happens at the most; 0, the default, is always"),
}  # fmt: skip
"""What `add` takes, by the keys of a fault: the value, and what it means."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=("list", "add", "remove", "clear"), default="list",
        help="list is the default; `remove` takes the name that `list` shows",
    )  # fmt: skip
    parser.add_argument("name", nargs="?", default="", help="of the fault that `remove` removes")
    parser.add_argument("--url", default="", help="of another local AWS than that of `up`")
    for key, (value, text) in _FLAGS.items():
        parser.add_argument(f"--{key}", metavar=value, help=f"add: {text}")
    parser.add_argument(
        "--reset", action="store_true", help="add: the connection breaks off, without an answer"
    )


def run(arguments: argparse.Namespace, _: Signals) -> int:
    from harness.service import faults

    _require_no_surplus(arguments)
    url = arguments.url or _url(arguments)
    match arguments.action:
        case "add":
            _show(arguments, [faults.add(url, _fault(arguments))])
        case "remove":
            _show(arguments, [faults.remove(url, arguments.name)])
        case "clear":
            faults.clear(url)
            _show(arguments, [])
        case _:
            _show(arguments, faults.listed(url))
    return 0


def _require_no_surplus(arguments: argparse.Namespace) -> None:
    """Raises `ConfigError` for what the action doesn't take, or lacks."""
    from harness.errors import ConfigError

    action = arguments.action
    if action == "remove" and not arguments.name:
        raise ConfigError("harness faults remove: a name is missing; `harness faults` lists them.")
    if action != "remove" and arguments.name:
        hint = "; `remove` takes one fault's name" if action == "clear" else ""
        raise ConfigError(f"harness faults {action} takes no name: {arguments.name!r}{hint}.")
    given = [key for key in _FLAGS if getattr(arguments, key) is not None]
    given += ["reset"] if arguments.reset else []
    if action != "add" and given:
        flags = ", ".join(f"--{key}" for key in given)
        raise ConfigError(f"harness faults {action} doesn't take {flags}: that is of `add`.")


def _url(arguments: argparse.Namespace) -> str:
    """That of the settings' local AWS, or of the service."""
    from harness.errors import ConfigError, ServiceError
    from harness.service.state import find

    settings = settings_of(arguments)
    if settings.target != "local":
        raise ConfigError(
            f"target is {settings.target!r}, and only the local AWS has faults on demand."
        )
    if settings.local.endpoint_url:
        return settings.local.endpoint_url
    found = find()
    if found is None:
        raise ServiceError("no local AWS is running; start one with `harness up --detach`.")
    return found.url


def _fault(arguments: argparse.Namespace) -> Fault:
    from pydantic import ValidationError

    from harness.config.faults import Fault
    from harness.errors import ConfigError

    given = {key: value for key in _FLAGS if (value := getattr(arguments, key)) is not None}
    try:
        return Fault.model_validate({**given, "reset": arguments.reset})
    except ValidationError as error:
        raise ConfigError("\n".join(_problem(each) for each in error.errors())) from None


def _problem(error: Any) -> str:
    """One thing that is wrong with the flags."""
    if error["type"] == "value_error":
        return f"harness faults add: {error['ctx']['error']}."
    name, text = error["loc"][0], error["msg"]
    return f"--{name} {error['input']}: {text[0].lower()}{text[1:]}."


def _show(arguments: argparse.Namespace, found: list[dict[str, Any]]) -> None:
    if arguments.json:
        print_json(faults=found)
        return
    from harness.config.faults import times

    for fault in found:
        rest = {key: each for key, each in fault.items() if key not in ("id", "happened")}
        words = " ".join(f"{key}={value}" for key, value in rest.items())
        print(f"{fault['id']}  {words}  happened {times(fault['happened'])}")
    if not found:
        print("no faults")
