"""One local AWS for all processes of a test run: pytest-xdist's workers share it.

Whoever comes first starts it. Its stdin is a named pipe that every process of the run holds open,
so that it ends, with all that it runs, once the last of them has ended, in whichever way.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from filelock import FileLock

from harness.errors import ServiceError
from harness.local.process import READY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from harness.config.faults import Fault


class SharedLocalAWS:
    """The local AWS of everybody who names the same folder, from `start` to the last `close`."""

    def __init__(
        self,
        folder: Path,
        region: str,
        account_id: str,
        registry: str = "",
        faults: Iterable[Fault] = (),
        gpu: str = "require",
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.url = ""
        self._folder = folder
        self._what = {
            "region": region,
            "account_id": account_id,
            "registry": registry,
            "gpu": gpu,
            "faults": [each.model_dump(exclude_defaults=True) for each in faults],
        }
        self._pipe: int | None = None

    def start(self) -> Self:
        """Start it, unless somebody has; returns when it answers.

        Raises:
            ServiceError: it doesn't get ready.
        """
        pipe, address = self._folder / "local-aws.pipe", self._folder / "local-aws.json"
        with FileLock(self._folder / "local-aws.lock", timeout=2 * READY_SECONDS):
            if not pipe.exists():
                os.mkfifo(pipe, 0o600)
            # For reading, too: without a reader, opening would wait for one.
            self._pipe = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
            if not address.is_file():
                address.write_text(json.dumps({"url": self._begin(pipe)}))
            self.url = json.loads(address.read_text())["url"]
        # From now on only as a writer, or the pipe would never end for its reader.
        writer = os.open(pipe, os.O_WRONLY | os.O_CLOEXEC)
        os.close(self._pipe)
        self._pipe = writer
        return self

    def _begin(self, pipe: Path) -> str:
        reader = os.open(pipe, os.O_RDONLY | os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "harness.local"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=reader,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            os.close(reader)
        assert self._pipe is not None  # noqa: S101  # `start` has opened it
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        os.write(self._pipe, json.dumps(self._what).encode() + b"\n")
        with process.stdout as said:
            ready, _, _ = select.select([said], [], [], READY_SECONDS)
            line = said.readline() if ready else b""
        if not line:
            process.kill()
            process.wait()
            raise ServiceError(
                f"the local AWS of the tests wasn't ready within {READY_SECONDS} s; what it said "
                "stands above."
            )
        return str(json.loads(line)["url"])

    def close(self) -> None:
        """Need it no longer. May be called twice."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
