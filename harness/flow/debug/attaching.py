"""A run whose container is debugged: its settings, its limits, and where to attach.

The local AWS does it, asked by a variable of the container's. The real one has no debugger, and so
nothing of this is to get there.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from harness.config import extras
from harness.errors import ConfigError
from harness.flow.debug import vscode
from harness.flow.debug.paths import mappings
from harness.local.core.debug.debugger import PORT, SECONDS, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from harness.config.settings import Settings
    from harness.flow.connection import Connection
    from harness.flow.plan import Plan

TRAIN, SERVE = "train", "serve"

TRAINING_SECONDS = 8 * 3600
"""How long a job may last that is debugged."""

_STEPS = {TRAIN: "train", SERVE: "deploy"}
"""Of a plan, the step whose container it is."""

_SLOW = "SAGEMAKER_MODEL_SERVER_TIMEOUT"
"""Seconds after which servers that are made as AWS's are end a worker that doesn't answer."""


def require(settings: Settings, plan: Plan, what: str, port: int) -> None:
    """Raises `ConfigError` where `what` can't be debugged, before anything is made."""
    if settings.target == "aws":
        raise ConfigError(
            "--debug is for the local AWS, whose containers run here; leave out --target aws."
        )
    if _STEPS[what] not in plan:
        raise ConfigError(f"--debug {what}: this run takes no step {_STEPS[what]}.")
    if what == TRAIN and settings.training.network_isolation:
        raise ConfigError(
            "--debug train: training.network_isolation keeps a debugger out, too; set it to false "
            "for this run (HARNESS_TRAINING_NETWORK_ISOLATION=false)."
        )
    extras.require("debug", "harness run --debug")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"--debug-port {port}: nothing can listen there ({error.strerror}); name another."
            ) from error


def debugged(settings: Settings, what: str, port: int) -> Settings:
    """The settings of a run whose container of that step is debugged, and has the time for it."""
    changes: dict[str, Any]
    if what == TRAIN:
        training = settings.training
        longest = max(training.max_runtime_seconds, TRAINING_SECONDS)
        changes = {
            "environment": {**training.environment, VARIABLE: str(port)},
            "max_runtime_seconds": longest,
            "max_wait_seconds": max(training.max_wait_seconds, longest),
        }
        return settings.model_copy(update={"training": training.model_copy(update=changes)})
    endpoint = settings.endpoint
    variables = {_SLOW: str(SECONDS), **endpoint.environment, VARIABLE: str(port)}
    changes = {"environment": variables, "startup_timeout_seconds": SECONDS}
    return settings.model_copy(update={"endpoint": endpoint.model_copy(update=changes)})


def how(settings: Settings, what: str, port: int) -> str:
    """What to do, for who is to attach; has VS Code know it."""
    wanted = vscode.configuration(port, mappings(settings))
    limit = (
        f"The job ends after {TRAINING_SECONDS // 3600} h"
        if what == TRAIN
        else f"The endpoint has {SECONDS // 3600} h to start, and as long for each answer"
    )
    return (
        f"debug: the first Python of the container waits ({what}) until VS Code, or another client "
        f"of the Debug Adapter Protocol, attaches to 127.0.0.1:{port}. {limit}.\n"
        f"debug: in VS Code, Run and Debug: {vscode.offer(settings.root, wanted)}"
    )


@contextmanager
def patient(connecting: AbstractContextManager[Connection]) -> Iterator[Connection]:
    """A connection whose calls wait for as long as an answer may be debugged, and ask once."""
    with connecting as connection:
        once = Config(read_timeout=SECONDS, retries={"total_max_attempts": 1})
        connection.boto._session.set_default_client_config(once)
        yield connection


__all__ = ["PORT", "SERVE", "TRAIN", "debugged", "how", "patient", "require"]
