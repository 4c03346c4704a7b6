"""What our own programs do before they import anything large, to start in less time."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS = ("AWS_", "BOTO")

aws_environment: dict[str, str] = {}
"""What `without_aws` has taken out of the environment: only Docker's credential helpers need it,
to pull images from the user's own ECR."""


@contextmanager
def without_aws() -> Iterator[None]:
    """Let a program that is a local AWS, and nothing else, not see the user's choice of AWS.

    That is their profile, keys, region, endpoints and certificates: what it shares a process with,
    moto for one, would otherwise read them.
    """
    aws_environment.update(
        {name: value for name, value in os.environ.items() if name.startswith(_AWS)}
    )
    for name in aws_environment:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(aws_environment)
        aws_environment.clear()


def prepare() -> None:
    # Imports make objects by the hundred thousand, all of which stay: at Python's own thresholds,
    # looking through them for garbage again and again takes a fifth of a run's processor time.
    gc.set_threshold(100_000, 50, 50)
    if "docker" not in sys.modules and not _engine_by_ssh():
        # docker-py imports paramiko wherever it is installed, for engines at ssh:// only. That
        # takes as long as all the rest of it; what can't be imported, it does without.
        sys.modules["docker.transport.sshconn"] = None  # type: ignore[assignment]


def leave() -> None:
    """At exit: a last garbage collection of so many objects would take half a second.

    What stderr can't take, on a full disk, is given up; Python would leave with a status of its own
    for it.
    """
    gc.freeze()
    try:
        sys.stderr.flush()
    except OSError:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115


def _engine_by_ssh() -> bool:
    """Whether the Docker engine may be at an ssh:// address, as far as is seen at a glance."""
    if host := os.environ.get("DOCKER_HOST"):
        return host.startswith("ssh://")
    if os.environ.get("DOCKER_CONTEXT"):
        return True
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        return "currentContext" in Path(folder, "config.json").read_text()
    except OSError:
        return False
