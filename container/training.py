"""What `sagemaker-training` calls to run the training script (its "framework module").

The toolkit can run a script by itself, with three gaps that this closes:

- `/opt/ml/output/failure` names the script's exit status but not its error, unless output is
  captured, which breaks lines that are written in pieces;
- SIGTERM never reaches the script, so SageMaker waits 120 s and kills it;
- where the host's own name doesn't resolve, as without a network, it waits for 15 minutes.

A program that comes with the job (script mode) is put beside its model, for what serves that.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_training import entry_point, environment, errors, logging_config, process

if TYPE_CHECKING:
    from types import FrameType

# SageMaker shows the first 1,024 characters of the failure file; the toolkit's own words and the
# command are among them.
MAX_ERROR = 700  # characters

_TRACEBACK = "Traceback (most recent call last):"


def main() -> None:
    """Run the script that SAGEMAKER_PROGRAM names, with the hyperparameters as arguments.

    Raises:
        errors.ClientError: the script can't be run, or failed; the toolkit writes it to
            /opt/ml/output/failure.
    """
    env = environment.Environment()
    if len(env.hosts) == 1:
        # The toolkit waits up to 15 minutes for the names of all hosts, its own among them, to
        # resolve; a job of one host has nobody to find. This is the toolkit's switch for it.
        os.environ["SM_STUDIO_LOCAL_MODE"] = "true"
    variables, arguments = env.to_env_vars(), env.to_cmd_args()
    script = ScriptRunner(env.user_entry_point, arguments, variables, processes_per_host=1)
    entry_point.run(env.module_dir, env.user_entry_point, arguments, variables, runner_type=script)
    if env.module_dir != environment.code_dir:  # the job names its own, in S3 or in a channel
        keep_program(Path(environment.code_dir), Path(env.model_dir))


def keep_program(code: Path, model: Path) -> None:
    """Copy the job's own program to `code/` of its model, where the SDK's models have theirs too.

    A script that has put something there itself has the last word.
    """
    target = model / "code"
    if not target.exists():
        shutil.copytree(code, target, ignore=shutil.ignore_patterns("__pycache__"))


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


class Tail:
    """Copies a stream (a buffered reader) to our stderr and keeps its end."""

    _SIZE = 64 * 1024  # bytes

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._copy, name="stderr", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """The end of what was written. To be called when the writer has ended.

        A process it left behind may hold the stream open, so this waits for at most a second.
        """
        self._thread.join(timeout=1)
        return self._kept.decode(errors="replace")

    def _copy(self) -> None:
        while chunk := self._stream.read1(self._SIZE):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            self._kept = (self._kept + chunk)[-self._SIZE :]


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
