"""What `sagemaker-training` calls to run the training script (its "framework module").

The toolkit reads the job's settings and makes arguments and variables of them. It can run a script
by itself, too, with gaps that this closes:

- `/opt/ml/output/failure` names the script's exit status but not its error, unless output is
  captured, which breaks lines that are written in pieces;
- SIGTERM never reaches the script, so SageMaker waits 120 s and kills it;
- where the host's own name doesn't resolve, as without a network, it waits for 15 minutes;
- a program that comes with the job (script mode) isn't unpacked where the image has one of its own,
  and where it is, without a bound;
- it tells of what it didn't find as of errors, in the log of every job.

A program that comes with the job is put beside its model as well, for what serves that.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_training import entry_point, environment, errors, logging_config, process

from serving import submitted
from serving.errors import StartError
from serving.submitted import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# SageMaker shows the first 1,024 characters of the failure file; the toolkit's own words and the
# command are among them.
MAX_ERROR = 700  # characters

HOSTS_TIMEOUT = 900
"""Seconds within which the names of a job's other hosts must resolve."""

HOSTS_INTERVAL = 0.5

PROGRAM = "sagemaker_program"
DIRECTORY = "sagemaker_submit_directory"
"""The hyperparameters of script mode: the file to run, and where it is."""

_TRACEBACK = "Traceback (most recent call last):"


def main() -> None:
    """Run the job's program, or the image's own, with the hyperparameters as arguments.

    The job names its own by the hyperparameters `sagemaker_program` and
    `sagemaker_submit_directory`, as the SDK's estimators do; the variables SAGEMAKER_PROGRAM and
    SAGEMAKER_SUBMIT_DIRECTORY say the same. The image's own is in /opt/ml/code, DEFAULT_PROGRAM.

    Raises:
        errors.ClientError: the program can't be run, or failed; the toolkit writes it to
            /opt/ml/output/failure.
    """
    env = read_environment()
    code = Path(environment.code_dir)
    comes_along = os.path.realpath(env.module_dir) != os.path.realpath(code)
    try:
        if comes_along:
            replace(code, env.module_dir)
        install(code, env.user_entry_point, env.module_dir)
    except StartError as error:
        raise errors.ClientError(str(error)) from error
    variables = env.to_env_vars()
    environment.write_env_vars(variables)
    if len(env.hosts) > 1:
        wait_for(env.hosts)
    ScriptRunner(env.user_entry_point, env.to_cmd_args(), variables, processes_per_host=1).run()
    if comes_along:
        keep_program(code, Path(env.model_dir))


def read_environment() -> environment.Environment:
    """The job's settings, with the program that it is to run."""
    with quiet():
        given = environment.read_hyperparameters()
        program = given.get(PROGRAM) or os.environ.get(PROGRAM.upper())
        program = str(program or os.environ.get("DEFAULT_PROGRAM") or "model_logic.py")
        os.environ[PROGRAM.upper()] = program  # which has the last word
        if directory := given.get(DIRECTORY) or os.environ.get(DIRECTORY.upper()):
            given[DIRECTORY] = directory
        return environment.Environment(hyperparameters=given)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the toolkit from telling what there isn't: GPUs, JSON in a hyperparameter."""
    logger = logging_config.get_logger()
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def replace(code: Path, uri: str) -> None:
    """Put the program at `uri` in the place of the image's own.

    What somebody has mounted there stays: it is theirs, and it is what they want to run.

    Raises:
        StartError: it can't be put there.
    """
    if code.is_mount() and any(code.iterdir()):
        logging_config.get_logger().info("%s is mounted, and is what runs, not %s", code, uri)
        return
    with tempfile.TemporaryDirectory(prefix="program-", dir=code.parent) as folder:
        submitted.fetch(uri, Path(folder))
        for path in list(code.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for path in list(Path(folder).iterdir()):
            shutil.move(path, code / path.name)


def install(code: Path, program: str, uri: str) -> None:
    """Make what is in `code` ready to run: what it requires, and rights.

    Raises:
        StartError: there is no such program, or pip failed.
        errors.ClientError: the program's name makes no sense.
    """
    is_package = (code / "setup.py").is_file() and not program.endswith(".sh")
    process.validate_entry_point(program)
    if not is_package and not (code / program).is_file():
        there = ", ".join(sorted(path.name for path in code.iterdir())[:20]) or "nothing"
        raise StartError(
            f"No {program} in {uri}, which holds {there}: {PROGRAM} (the estimator's entry_point) "
            "must name a file of it."
        )
    if is_package or "CA_REPOSITORY_ARN" in os.environ:  # which the toolkit knows how to log in to
        entry_point.install(program, str(code), capture_error=True)
        return
    if program.endswith(".py"):
        submitted.install(code)
    else:
        (code / program).chmod(0o755)


def wait_for(hosts: list[str]) -> None:
    """Wait until the names of all hosts resolve.

    Raises:
        errors.ClientError: one doesn't, for `HOSTS_TIMEOUT` seconds.
    """
    end = time.monotonic() + HOSTS_TIMEOUT
    for host in hosts:
        while True:
            try:
                socket.gethostbyname(host)
                break
            except OSError:
                if time.monotonic() > end:
                    raise errors.ClientError(
                        f"The name of the host {host} doesn't resolve."
                    ) from None
                time.sleep(HOSTS_INTERVAL)  # nothing tells when it does


def keep_program(code: Path, model: Path) -> None:
    """Copy the job's own program to `code/` of its model, where the SDK's models have theirs too.

    A script that has put something there itself has the last word.
    """
    target = model / "code"
    if not target.exists():
        shutil.copytree(
            code,
            target,
            ignore=shutil.ignore_patterns("__pycache__"),
            ignore_dangling_symlinks=True,
        )


class ScriptRunner(process.ProcessRunner):  # type: ignore[misc]  # the toolkit has no types
    """Runs the script in a process group of its own; SIGTERM goes to all of it."""

    def run(self, wait: bool = True, capture_error: bool = True) -> subprocess.Popen[bytes]:  # noqa: ARG002
        """Run the script to its end, with its output going where ours does.

        Raises:
            errors.ExecuteUserScriptError: its exit status is not 0; with the end of its stderr.
        """
        command = self._create_command()
        # The toolkit's own words for this are 150 lines, for which it reads everything again.
        logging_config.get_logger().info("Running %s", shlex.join(command))
        script: subprocess.Popen[bytes] | None = None

        def forward(signum: int, _frame: FrameType | None) -> None:
            if script is None:
                sys.exit(128 + signum)
            os.killpg(script.pid, signum)

        signal.signal(signal.SIGTERM, forward)
        script = subprocess.Popen(
            command, cwd=environment.code_dir, stderr=subprocess.PIPE, start_new_session=True
        )
        stderr = Tail(script.stderr)
        status = script.wait()
        text = stderr.text()
        if status:
            raise errors.ExecuteUserScriptError(
                cmd=" ".join(command),
                return_code=status,
                output=what_failed(text),
                info=_why(status),
            )
        return script


def what_failed(stderr: str) -> str:
    """The part of a script's stderr that says why it failed, at most `MAX_ERROR` characters.

    After Python's last traceback that is the exception; otherwise the last lines.
    """
    lines = stderr.strip().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if starts:
        after = starts[-1] + 1
        while after < len(lines) and lines[after].startswith(" "):
            after += 1
        text = "\n".join(lines[after:])
        return text[:MAX_ERROR]
    text = "\n".join(lines)
    if len(text) <= MAX_ERROR:
        return text
    return text[-MAX_ERROR:].partition("\n")[2] or text[-MAX_ERROR:]


def _why(status: int) -> str | None:
    if status == -signal.SIGTERM:
        return "stopped by SIGTERM"
    if status == -signal.SIGKILL:
        return "killed by SIGKILL, most likely because the container ran out of memory"
    return None
