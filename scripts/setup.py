"""Make `.venv` and keep it up to date: the harness and gam_model, editable, with the dev tools.

Needs nothing but Python 3.11 or newer; on Debian as root it also installs the venv module that
Debian packages on its own. Where nothing has changed since the last time it returns at once and
needs no network. Versions come from constraints.txt. uv does the installing, with pip's
configuration (index, CA, wheels at hand).
"""

from __future__ import annotations  # an older Python, too, gets as far as the sentence for it

import ast
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".harness-setup"
INPUTS = ("pyproject.toml", "gam_model/pyproject.toml", "constraints.txt", "scripts/setup.py")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 (this is where it is said)
        sys.exit(f"setup: Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    folder = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # one set-up at a time; let go when we end
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    STAMP.unlink(missing_ok=True)
    if not same_python():
        make_venv()
    install()
    STAMP.write_text(wanted)


def fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix} {ROOT}".encode())
    for name in INPUTS:
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()


def same_python() -> bool:
    """Whether `.venv` is whole and made from the Python that runs this."""
    try:
        asked = output([PYTHON, "-c", "import pip, sys; print(sys.version, sys.base_prefix)"])
    except (OSError, subprocess.SubprocessError):
        return False
    return asked.strip() == f"{sys.version} {sys.base_prefix}"


def make_venv() -> None:
    say("making .venv")
    if not has_ensurepip():
        package = "python{}.{}-venv".format(*sys.version_info)
        if os.geteuid() or not shutil.which("apt-get"):
            sys.exit(f"setup: this Python has no ensurepip; install it (Debian: {package}).")
        say(f"installing {package} with apt-get")
        apt = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300"]
        run([*apt, "update"], os.kill)
        apt += ["install", "--no-install-recommends", package]
        run(apt, os.kill, environ={"DEBIAN_FRONTEND": "noninteractive"})
    with tempfile.TemporaryDirectory(prefix="harness-setup-") as folder:
        # ensurepip leaves its wheels in there when it is interrupted.
        run([sys.executable, "-m", "venv", "--clear", VENV], environ={"TMPDIR": folder})


def has_ensurepip() -> bool:
    try:
        output([sys.executable, "-c", "import ensurepip, venv"])
    except subprocess.SubprocessError:
        return False
    return True


def install() -> None:
    say("installing the packages")
    constraints = ROOT / "constraints.txt"
    run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--constraint", constraints, "uv"],
        environ={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    uv: list[str | Path] = [VENV / "bin" / "uv", "pip", "install", "--quiet", "--python", PYTHON]
    # Compiled once and here: where PYTHONDONTWRITEBYTECODE is set, every start would do it anew.
    options: list[str | Path] = ["--constraint", constraints, "--compile-bytecode"]
    packages: list[str | Path] = [
        "--editable",
        f"{ROOT}[all]",
        "--editable",
        ROOT / "gam_model",
        "--group",
        "dev",
    ]
    run([*uv, *options, *packages], environ=pip_settings())


def pip_settings() -> dict[str, str]:
    """pip's configuration, which uv doesn't read, under uv's names."""
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip chooses among its indexes
    for line in output([PYTHON, "-m", "pip", "config", "list"]).splitlines():
        key, _, value = line.partition("=")
        if name := names.get(key.rpartition(".")[2]):
            separator = "," if name == "UV_FIND_LINKS" else " "
            settings[name] = separator.join(str(ast.literal_eval(value)).split())
    return {name: value for name, value in settings.items() if name not in os.environ}


def say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


def output(command: Sequence[str | Path]) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60, cwd=ROOT
    ).stdout


def run(
    command: Sequence[str | Path],
    tell: Callable[[int, int], None] = os.killpg,
    environ: dict[str, str] | None = None,
) -> None:
    """Run it in silence; on failure, what it printed is the explanation.

    It has a session of its own, so that Ctrl-C goes to us alone. We hand it on and wait: by
    `os.killpg` to its children as well, by `os.kill` not, so that apt-get lets dpkg finish.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | (environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(1800)
        except BaseException as error:
            tell(process.pid, signal.SIGINT)
            process.wait(120)
            if isinstance(error, subprocess.TimeoutExpired):
                sys.exit(f"setup: gave up after 30 minutes: {' '.join(map(str, command))}")
            raise
        if status:
            said.seek(0)
            sys.stderr.buffer.write(said.read())
            sys.exit(f"setup: exit status {status} from {' '.join(map(str, command))}")


def interrupted(number: int, _: object) -> None:
    say(f"interrupted by {signal.Signals(number).name}; the next start goes on from here")
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    main()
