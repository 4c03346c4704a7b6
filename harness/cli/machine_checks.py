"""What `harness doctor` looks at: this machine and, where runs are to go there, the AWS account."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from harness.checks import Check
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.config.settings import Settings

NEEDED_GB = 3  # base image, wheelhouse, image, and room to build it
PACKAGES = ("boto3", "moto", "docker", "testcontainers")


def examine(settings: Settings) -> list[Check]:
    """Every check that the settings' target calls for."""
    checks = [_python(), _packages(), _extras(), _disk(settings), _engine()]
    if settings.target == "aws":
        from harness.account import preflight

        checks += preflight.examine(settings)
    return checks


def _python() -> Check:
    return Check.of(
        "python", sys.version_info >= (3, 11), platform.python_version(), "use 3.11 or newer"
    )


def _packages() -> Check:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    detail = ", ".join(found + [f"{name} is missing" for name in missing])
    return Check.of("packages", not missing, detail, f"pip install {' '.join(missing)}")


def _extras() -> Check:
    """What isn't installed is no fault: not everybody needs it."""
    from harness.config import extras

    lacking = [name for name in extras.EXTRAS if extras.missing(name)]
    there = ", ".join(name for name in extras.EXTRAS if name not in lacking) or "none"
    how = f"; not installed: {extras.command(','.join(lacking))}" if lacking else ""
    return Check("extras", True, f"{there}{how}")


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.root).free / 1e9
    return Check.of(
        "disk", free >= NEEDED_GB, f"{free:.0f} GB free", f"make room: {NEEDED_GB} GB are needed"
    )


def _engine() -> Check:
    from harness.image import docker_engine

    try:
        return Check("engine", True, docker_engine.describe())
    except HarnessError as error:
        return Check("engine", False, "no Docker engine", str(error))
