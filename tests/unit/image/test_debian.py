"""Interrupting what installs packages: dpkg broken off half-way would stop every later install."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Like apt-get while dpkg runs: a SIGINT is taken note of, and what was begun is finished. A child
# that is told as well breaks off, as dpkg would.
INSTALLER = """\
#!{python}
import pathlib, signal, subprocess, sys
if "update" in sys.argv:
    sys.exit()
told = []
signal.signal(signal.SIGINT, lambda *_: told.append(1))
child = subprocess.Popen(["sh", "-c", "cat {fifo}; touch {folder}/done"])
pathlib.Path("{folder}/started").touch()
child.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_install_is_finished_first(tmp_path: Path, number: int) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    apt = tmp_path / "apt-get"
    apt.write_text(INSTALLER.format(python=sys.executable, fifo=fifo, folder=tmp_path))
    apt.chmod(0o755)
    program = """
import signal, sys
from harness.image import debian
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
debian.install("a-package", progress=print)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_exists(tmp_path / "started")
        os.killpg(process.pid, number)  # as a terminal does: to the whole group
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        fifo.write_text("go on")
        assert process.wait(30) != 0
        assert (tmp_path / "done").exists()
    finally:
        process.kill()


def until_exists(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
