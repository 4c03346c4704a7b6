"""The wheels of an image, fetched before the build, so that the build needs no network.

`pip wheel` does it all (resolve, download, build what exists only as source), as long as it runs
on a Python like the image's: this one where it matches and has a compiler, else the base image's
own, in a container with this machine's network. Either way it is this pip with its settings:
index, CA, proxy.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pip as pip_package

from harness.errors import BuildError
from harness.image.context import files_below
from harness.image.wheels import pip
from harness.image.wheels.container import WORK, run_in
from harness.image.wheels.platforms import has_compiler, host_platform, platform_of
from harness.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

_FORMAT = "1"
_KEEP = 10
_ADD_COMPILER = """\
if ! command -v gcc && command -v apt-get; then
  apt-get -qq update
  apt-get -qq --yes install --no-install-recommends gcc libc6-dev python3-dev
fi >/dev/null"""


def ensure(
    requirements: Path,
    constraints: Path | None,
    base: str,
    client: DockerClient,
    *,
    dependencies: bool = True,
    progress: Callable[[str], None] = print,
) -> Path:
    """A folder with the wheels of `requirements` and pip's own, for the base image of that ID.

    Without `dependencies`, `requirements` names all there is to have. The folder is kept in the
    cache under the hash of what decides its content. Callers hold the lock of the build.

    Raises:
        BuildError: pip could not resolve, fetch or build something, in its own last words.
    """
    target = platform_of(client, base)
    texts = [requirements.read_text(), constraints.read_text() if constraints else ""]
    parts = [_FORMAT, *asdict(target).values(), *texts, *([] if dependencies else ["no-deps"])]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    folder = cache_folder() / "wheelhouse" / key
    if folder.is_dir():
        folder.touch()  # the last to be thrown away
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as work:
        new = Path(work, "wheels")
        new.mkdir()
        Path(work, "requirements.txt").write_text(f"{texts[0]}\npip\n")
        Path(work, "constraints.txt").write_text(texts[1])
        here = host_platform()
        if here is not None and here.runs_wheels_for(target) and has_compiler():
            progress("fetching the image's wheels with pip")
            _wheel_here(Path(work), dependencies, progress)
        else:
            progress("fetching the image's wheels with pip, in a container of the base image")
            _wheel_in_container(Path(work), dependencies, base, client, progress)
        size = sum(wheel.stat().st_size for wheel in new.glob("*.whl"))
        progress(f"{len(list(new.iterdir()))} wheels, {size / 1e6:.0f} MB")
        new.rename(folder)
    keep_newest(folder.parent, _KEEP)
    return folder


def keep_newest(folder: Path, count: int) -> None:
    """Throw away all but the `count` entries of a cache folder that were used last.

    Hidden ones are what a killed process was making; under the lock nobody else makes any.
    """
    unfinished = list(folder.glob(".*"))
    entries = [entry for entry in folder.iterdir() if entry not in unfinished]
    entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in unfinished + entries[count:]:
        shutil.rmtree(entry, ignore_errors=True)


def _wheel_command(dependencies: bool) -> list[str]:
    options = [
        "--no-input",
        "--progress-bar",
        "off",
        "--disable-pip-version-check",
        "--wheel-dir",
        "wheels",
    ]
    files = ["--requirement", "requirements.txt", "--constraint", "constraints.txt"]
    return ["wheel", *options, *([] if dependencies else ["--no-deps"]), *files]


def _wheel_here(
    work: Path, dependencies: bool = True, progress: Callable[[str], None] = print
) -> None:
    pip.run(*_wheel_command(dependencies), cwd=work, progress=progress)


def _wheel_in_container(
    work: Path,
    dependencies: bool,
    base: str,
    client: DockerClient,
    progress: Callable[[str], None] = print,
) -> None:
    files = {name: work / name for name in ("requirements.txt", "constraints.txt")}
    pip_files = files_below(Path(pip_package.__file__).parent)
    files |= {f"pip/{name}": path for name, path in pip_files.items()}
    environment = {**pip.environment_elsewhere(), "DEBIAN_FRONTEND": "noninteractive"}
    if authorities := environment.get("PIP_CERT"):
        files["ca.pem"] = Path(authorities)
        environment["PIP_CERT"] = f"{WORK}/ca.pem"
    command = " ".join(_wheel_command(dependencies))
    said, status = run_in(
        client,
        base,
        ["sh", "-ec", f"{_ADD_COMPILER}\nexec python3 -m pip {command}"],
        seconds=pip.SECONDS,
        files=files,
        result=work / "wheels",
        network_mode="host",
        environment=environment,
        on_line=partial(pip.tell, progress=progress),
    )
    if status:
        raise BuildError(pip.failure("wheel", said))
