"""The local AWS in a process of its own, which ends with the process that started it.

Beside the caller's own imports, on another processor, it imports what it needs; and no code of the
caller's holds up the threads that work on jobs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from harness.errors import ServiceError

if TYPE_CHECKING:
    from types import TracebackType

    from harness.config.settings import Settings

READY_SECONDS = 60
"""In which it must answer."""

CLOSE_SECONDS = 120
"""In which it must have ended, with all it runs; then it is killed."""

_KILL_SECONDS = 10

_LEFT = "`harness clean` removes what it may have left"


class LocalProcess:
    """Loads at once what a `LocalAWS` needs, and is one from `start` to `close`.

    It is told to end by the end of its input, so that it also ends, and removes its containers,
    when this process is killed. Signals are left to this process: Ctrl-C doesn't reach it.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.local"],
            # It finds modules where this process does, and nowhere else.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._started = False
        self._url = ""

    def start(self, settings: Settings) -> Self:
        """Let it answer as the settings' local target has it; returns before it does.

        A second call has no effect.
        """
        if self._started:
            return self
        self._started = True
        local = settings.local
        what = {
            "region": settings.region,
            "account_id": local.account_id,
            "registry": local.registry,
            "gpu": local.gpu,
            "faults": [each.model_dump(exclude_defaults=True) for each in settings.faults],
        }
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        with suppress(BrokenPipeError):  # `url` says how it ended
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            self._process.stdin.flush()
        return self

    @property
    def url(self) -> str:
        """The endpoint URL to give to clients, once it answers.

        Raises:
            ServiceError: it doesn't get ready.
        """
        if self._url:
            return self._url
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        said, _, _ = select.select([self._process.stdout], [], [], READY_SECONDS)
        if not said:
            raise ServiceError(
                f"the local AWS wasn't ready within {READY_SECONDS} s: look at what else this "
                "machine is doing, and try again."
            )
        answer = self._process.stdout.readline()
        if not answer:
            raise self._ended()
        self._url = json.loads(answer)["url"]
        return self._url

    def close(self) -> None:
        """End it with all it runs, and wait for it. May be called twice.

        Raises:
            ServiceError: it had ended before, or had to be killed.
        """
        process = self._process
        assert process.stdin is not None  # noqa: S101  # they are pipes
        assert process.stdout is not None  # noqa: S101
        if process.stdin.closed:
            return
        early = process.poll() is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            if not self._url:
                process.kill()  # it has nothing yet
            process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServiceError(
                f"the local AWS had not ended after {CLOSE_SECONDS} s and was killed; {_LEFT}."
            ) from None
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if early and self._url:
            raise self._ended()

    def _ended(self) -> ServiceError:
        status = self._process.wait(_KILL_SECONDS)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return ServiceError(
            f"the local AWS {how} while it was needed; what it said stands above, {_LEFT}."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
