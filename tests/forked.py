"""`harness` or `aws` as a process of its own that has its imports already.

Most of what such a process takes is Python's imports, those of SageMaker's SDK above all. Where a
test isn't about its start, it is forked from a process that has made them once.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([
    "harness.flow.run", "harness.local.aws", "sagemaker.core.resources", "awscli.clidriver",
])  # fmt: skip


class Forked:
    """What tests use of a `subprocess.Popen` of `python -m harness`, with text in its pipes.

    `command` is "harness", or "aws": the CLI's.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        command: str = "harness",
    ) -> None:
        out, its_out = _CONTEXT.Pipe(duplex=False)
        err, its_err = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(
            target=_run, args=([command, *arguments], cwd, dict(env), its_out, its_err)
        )
        self._process.start()
        its_out.close()
        its_err.close()
        self.stdout, self.stderr = _text(out), _text(err)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("harness", timeout or 0.0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has written, but for what was read already, once it has ended."""
        with ThreadPoolExecutor(2) as pool:
            reading = [pool.submit(_rest, each) for each in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            out, err = (each.result() for each in reading)
        return out, err


def run(
    arguments: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    timeout: float,
    command: str = "harness",
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run`, which captures the output."""
    process = Forked(arguments, cwd=cwd, env=env, command=command)
    out, err = process.communicate(timeout)
    return subprocess.CompletedProcess(arguments, process.wait(), out, err)


@contextmanager
def starter(env: Mapping[str, str], cwd: Path) -> Iterator[Callable[..., Forked]]:
    """Starts `harness` in that environment and, unless in another, that folder; ends what it has
    started.
    """
    started: list[Forked] = []

    def start(*arguments: str, cwd: Path = cwd, **variables: str) -> Forked:
        process = Forked(arguments, cwd=str(cwd), env={**env, **variables})
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _text(pipe: Connection) -> TextIO:
    with pipe:
        return open(os.dup(pipe.fileno()))  # noqa: PTH123 - a descriptor has no path


def _rest(stream: TextIO) -> str:
    if stream.closed:
        return ""
    with stream:
        return stream.read()


def _run(
    command: list[str], cwd: str, env: dict[str, str], out: Connection, err: Connection
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, pipe in ((1, out), (2, err)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.argv = command
    if command[0] == "aws":
        import awscli
        from awscli import clidriver

        importlib.reload(awscli)  # puts its own data into AWS_DATA_PATH
        raise SystemExit(clidriver.main())
    from harness.cli import main

    raise SystemExit(main.main(command[1:]))
