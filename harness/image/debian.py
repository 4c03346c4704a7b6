"""What the set-up takes from Debian's own packages: programs with apt-get, images with mmdebstrap.

Works on Debian and what is made from it (Ubuntu). Mirrors and proxies are whatever apt is
configured with; none is named here.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from harness.config.loading import NO_ENGINE_SETUP_VARIABLE
from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_APT_SECONDS = 900
_BOOTSTRAP_SECONDS = 900
_STOP_SECONDS = 120
_MERGED_USR = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")


class DebianError(HarnessError):
    """A package could not be installed, or a root file system not be made."""


def may_install() -> bool:
    """Whether we may install packages here: apt-get, root, and nobody has turned it off."""
    return (
        os.environ.get(NO_ENGINE_SETUP_VARIABLE, "") in {"", "0"}
        and os.geteuid() == 0
        and shutil.which("apt-get") is not None
        and "debian" in _family()
    )


def install(*packages: str, progress: Callable[[str], None]) -> None:
    """Install `packages` without what they merely recommend.

    Raises:
        DebianError: apt-get failed; the sentence ends with its own last words.
    """
    progress(f"installing {' '.join(packages)} with apt-get")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "--quiet", "--yes", "--option", "DPkg::Lock::Timeout=300"]
    _run([*apt, "update"], environ, _APT_SECONDS)
    _run([*apt, "install", "--no-install-recommends", *packages], environ, _APT_SECONDS)


def architecture() -> str:
    """This machine's architecture in Debian's and Docker's words: amd64, arm64, …"""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def can_bootstrap() -> bool:
    """Whether `bootstrap` can work here: mmdebstrap is there, or we may install it."""
    return shutil.which("mmdebstrap") is not None or may_install()


@contextmanager
def bootstrap(
    suite: str, packages: Sequence[str], *, progress: Callable[[str], None]
) -> Iterator[BinaryIO]:
    """A tar of a minimal Debian `suite` with `packages`, for `docker import`; gone on exit.

    Raises:
        DebianError: mmdebstrap failed or can't be had.
    """
    if shutil.which("mmdebstrap") is None:
        # The keyring is what Ubuntu lacks to check Debian's signatures.
        install("mmdebstrap", "debian-archive-keyring", progress=progress)
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    unwanted = ("man", "doc", "info", "locale")
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in unwanted]
    # As debootstrap does it. Otherwise a package merges /usr, and the whole of Perl comes with it.
    if _MERGED_USR.is_dir():
        command.append(f"--hook-dir={_MERGED_USR}")
    with tempfile.TemporaryFile() as tar:  # without a name, it goes with us if we are killed
        environ = dict(os.environ)
        _run([*command, suite, "-"], environ, _BOOTSTRAP_SECONDS, stdout=tar, disposable=True)
        tar.seek(0)
        yield cast("BinaryIO", tar)


def _family() -> set[str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return set()
    return {release.get("ID", ""), *release.get("ID_LIKE", "").split()}


def _run(
    command: list[str],
    environ: dict[str, str],
    seconds: float,
    *,
    stdout: IO[bytes] | None = None,
    disposable: bool = False,
) -> None:
    """Run it to its end, and when interrupted, until it has ended tidily.

    It has a session of its own, so that a terminal's Ctrl-C goes to us alone, and a file for its
    output: reading from a pipe would end with us, and so might dpkg, with half a package
    installed. `disposable`: what it works on is thrown away when it is broken off.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout or said,
            stderr=said,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except BaseException as error:
            _stop(process, disposable)
            if isinstance(error, subprocess.TimeoutExpired):
                raise DebianError(
                    f"`{' '.join(command)}` took longer than {seconds:.0f} s."
                ) from None
            raise
        said.seek(0)
        words = last_lines(said.read().decode(errors="replace"))
    if status:
        raise DebianError(f"`{' '.join(command)}` failed with exit status {status}: {words}")


def _stop(process: subprocess.Popen[bytes], disposable: bool) -> None:
    """SIGINT, on which apt-get breaks off a download but lets dpkg finish.

    mmdebstrap waits for its children, so those are told too; it then takes away its mounts and
    its folder. SIGKILL would leave either of them worse off than running on for a while.
    """
    if disposable:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)


def last_lines(text: str, count: int = 3) -> str:
    """The last words of a program, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-count:]) or "(it printed nothing)"
