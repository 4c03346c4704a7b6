"""Which wheels a Python can use, ours or that of a base image."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import BuildError
from harness.image.debian import last_lines
from harness.image.wheels.container import run_in
from harness.paths import cache_folder

if TYPE_CHECKING:
    from docker import DockerClient

_PROBE_SECONDS = 60
_PROBE = """\
import json, os, sys
python = "%d.%d" % sys.version_info[:2]
libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
print(json.dumps({"python": python, "machine": os.uname().machine, "libc": libc}))
"""


@dataclass(frozen=True)
class Platform:
    """What decides which wheels fit: `python` as in 3.11, `machine` as uname says, glibc."""

    python: str
    machine: str
    libc: str

    def runs_wheels_for(self, other: Platform) -> bool:
        """Whether what is fetched and compiled on this platform works on the other one."""
        return (self.python, self.machine) == (other.python, other.machine) and (
            _numbers(self.libc) <= _numbers(other.libc)
        )


def platform_of(client: DockerClient, image: str) -> Platform:
    """Ask the Python in an image (given by its ID) what it is; asked once for each image.

    Raises:
        BuildError: the image has no Python 3 on its path.
    """
    cache = cache_folder() / "platforms" / f"{image.removeprefix('sha256:')}.json"
    if cache.is_file():
        return Platform(**json.loads(cache.read_text()))
    said, status = run_in(client, image, ["python3", "-c", _PROBE], seconds=_PROBE_SECONDS)
    if status:
        raise BuildError(f"the base image {image} has no working python3: {last_lines(said)}.")
    found = Platform(**json.loads(said))
    cache.parent.mkdir(parents=True, exist_ok=True)
    new = cache.with_suffix(".new")  # whole or not at all
    new.write_text(json.dumps(asdict(found)))
    new.replace(cache)
    return found


def host_platform() -> Platform | None:
    """The platform of the Python that runs us; None where it isn't Linux with glibc."""
    libc, version = platform.libc_ver()
    if sys.platform != "linux" or libc != "glibc":
        return None
    return Platform("{}.{}".format(*sys.version_info), platform.machine(), version)


def has_compiler() -> bool:
    """What is published as source only may have to be compiled."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    return shutil.which(compiler) is not None and headers.is_file()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
