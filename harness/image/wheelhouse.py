"""The wheels of an image, fetched before the build, so that the build needs no network.

`pip wheel` does it all (resolve, download, build what exists only as source), as long as it runs
on a Python like the image's: this one where it matches and has a compiler, else the base image's
own, in a container with this machine's network. Either way it is this pip with its settings:
index, CA, proxy.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pip as pip_package
import requests
from docker.errors import DockerException

from harness.errors import BuildError
from harness.image.context import files_below, tar_stream
from harness.image.debian import last_lines
from harness.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from docker import DockerClient

_FORMAT = "1"
_KEEP = 3
_PIP_SECONDS = 1800
_PROBE_SECONDS = 60
_WORK = "/wheelhouse"  # in the container that wheels are looked at, or made, in
_PROBE = """\
import json, os, sys
python = "%d.%d" % sys.version_info[:2]
libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
print(json.dumps({"python": python, "machine": os.uname().machine, "libc": libc}))
"""
_ADD_COMPILER = """\
if ! command -v gcc && command -v apt-get; then
  apt-get -qq update
  apt-get -qq --yes install --no-install-recommends gcc libc6-dev python3-dev
fi >/dev/null"""
# 1980 is as far back as the zip format goes; a wheel is a zip.
SOURCE_DATE_EPOCH = "315532800"


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
    said, status = _run_in(client, image, ["python3", "-c", _PROBE], seconds=_PROBE_SECONDS)
    if status:
        raise BuildError(f"the base image {image} has no working python3: {last_lines(said)}.")
    found = Platform(**json.loads(said))
    cache.parent.mkdir(parents=True, exist_ok=True)
    new = cache.with_suffix(".new")  # whole or not at all
    new.write_text(json.dumps(asdict(found)))
    new.replace(cache)
    return found


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
        if here is not None and here.runs_wheels_for(target) and _has_compiler():
            progress("fetching the image's wheels with pip")
            _wheel_here(Path(work), dependencies)
        else:
            progress("fetching the image's wheels with pip, in a container of the base image")
            _wheel_in_container(Path(work), dependencies, base, client)
        size = sum(wheel.stat().st_size for wheel in new.glob("*.whl"))
        progress(f"{len(list(new.iterdir()))} wheels, {size / 1e6:.0f} MB")
        new.rename(folder)
    keep_newest(folder.parent, _KEEP)
    return folder


def host_platform() -> Platform | None:
    """The platform of the Python that runs us; None where it isn't Linux with glibc."""
    libc, version = platform.libc_ver()
    if sys.platform != "linux" or libc != "glibc":
        return None
    return Platform("{}.{}".format(*sys.version_info), platform.machine(), version)


def keep_newest(folder: Path, count: int) -> None:
    """Throw away all but the `count` entries of a cache folder that were used last.

    Hidden ones are what a killed process was making; under the lock nobody else makes any.
    """
    unfinished = list(folder.glob(".*"))
    entries = [entry for entry in folder.iterdir() if entry not in unfinished]
    entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in unfinished + entries[count:]:
        shutil.rmtree(entry, ignore_errors=True)


def pip(*arguments: str | Path, cwd: Path) -> None:
    """Run this environment's pip.

    Raises:
        BuildError: it failed; the sentence ends with its own last words.
    """
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PIP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"pip took longer than {_PIP_SECONDS} s.") from None
    if done.returncode:
        raise BuildError(_pip_failed(arguments[0], done.stdout))


def _wheel_command(dependencies: bool) -> list[str]:
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--wheel-dir", "wheels"]
    files = ["--requirement", "requirements.txt", "--constraint", "constraints.txt"]
    return ["wheel", *options, *([] if dependencies else ["--no-deps"]), *files]


def _wheel_here(work: Path, dependencies: bool = True) -> None:
    pip(*_wheel_command(dependencies), cwd=work)


def _wheel_in_container(work: Path, dependencies: bool, base: str, client: DockerClient) -> None:
    files = {name: work / name for name in ("requirements.txt", "constraints.txt")}
    pip_files = files_below(Path(pip_package.__file__).parent)
    files |= {f"pip/{name}": path for name, path in pip_files.items()}
    environment = {**_pip_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    if authorities := environment.get("PIP_CERT"):
        files["ca.pem"] = Path(authorities)
        environment["PIP_CERT"] = f"{_WORK}/ca.pem"
    command = " ".join(_wheel_command(dependencies))
    said, status = _run_in(
        client,
        base,
        ["sh", "-ec", f"{_ADD_COMPILER}\nexec python3 -m pip {command}"],
        seconds=_PIP_SECONDS,
        files=files,
        result=work / "wheels",
        network_mode="host",
        environment=environment,
    )
    if status:
        raise BuildError(_pip_failed("wheel", said))


def _pip_environment() -> dict[str, str]:
    """This machine's pip configuration and proxies as variables, for a pip elsewhere."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    environment = {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in {"index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout"}:
            environment[f"PIP_{name.upper().replace('-', '_')}"] = ast.literal_eval(value)
    if "PIP_CERT" not in environment and (bundle := os.environ.get("SSL_CERT_FILE")):
        environment["PIP_CERT"] = bundle
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        for spelling in (name, name.upper()):
            if spelling in os.environ:
                environment[spelling] = os.environ[spelling]
    return environment


def _pip_failed(command: str | Path, said: str) -> str:
    errors = [line for line in said.splitlines() if line.lstrip().startswith("ERROR: ")]
    return f"`pip {command}` failed: {last_lines(chr(10).join(errors) or said)}."


def _run_in(
    client: DockerClient,
    image: str,
    command: list[str],
    *,
    seconds: float,
    files: dict[str, Path] | None = None,
    result: Path | None = None,
    network_mode: str = "none",
    environment: dict[str, str] | None = None,
) -> tuple[str, int]:
    """Run a command in `_WORK` of a container; its output and exit status.

    `files` are put there before, and what is in its `wheels` goes to `result` after. If we
    are killed, the next start sees by the session's label that it is nobody's.
    """
    from harness.local.engine.sessions import Session  # seldom needed

    with closing(Session()) as session:
        container: Any = None
        try:
            container = client.containers.create(
                image,
                entrypoint=command,
                command=[],
                working_dir=_WORK,
                network_mode=network_mode,
                environment=environment or {},
                labels=session.labels,
            )
            if files:
                container.put_archive(_WORK, tar_stream(files))
            container.start()
            status = int(container.wait(timeout=seconds)["StatusCode"])
            said = container.logs().decode(errors="replace")
            if result is not None and status == 0:
                chunks, _ = container.get_archive(f"{_WORK}/wheels")
                _extract(chunks, result)
        except requests.exceptions.RequestException as error:
            raise BuildError(
                f"`{' '.join(command)[:80]}` in {image} did not end within {seconds:.0f} s: "
                f"{error}."
            ) from error
        except DockerException as error:
            reason = getattr(error, "explanation", None) or error
            raise BuildError(f"`{command[0]}` could not be run in {image}: {reason}.") from error
        finally:
            if container is not None:
                container.remove(force=True)
    return said, status


def _extract(chunks: Iterable[bytes], folder: Path) -> None:
    """The files of a tar, flat; by hand, as Debian 12's Python has no extraction filters yet."""
    with tempfile.TemporaryFile() as spool:
        spool.writelines(chunks)
        spool.seek(0)
        with tarfile.open(fileobj=spool) as tar:
            for entry in tar:
                if content := tar.extractfile(entry):
                    with (folder / Path(entry.name).name).open("wb") as file:
                        shutil.copyfileobj(content, file)


def _has_compiler() -> bool:
    """What is published as source only may have to be compiled."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    return shutil.which(compiler) is not None and headers.is_file()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
