"""A training program that reads its channels' pipes as PIPES says, and prints what it has read.

PIPES is JSON: a list of channel, epoch, and how many bytes to read; null is all of them.
Standard library only; it runs inside the container.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

INPUT = pathlib.Path("/opt/ml/input")


def read(channel: str, epoch: int, limit: int | None) -> dict[str, Any]:
    """Read a pipe at once, whether or not it is there yet, to its end or not as far."""
    size, digest, head = 0, hashlib.sha256(), b""
    with (INPUT / f"data/{channel}_{epoch}").open("rb", buffering=0) as pipe:
        while limit is None or size < limit:
            data = pipe.read(65536 if limit is None else limit - size)
            if not data:
                break
            size += len(data)
            digest.update(data)
            head = (head + data)[:1000]
    return {"size": size, "sha256": digest.hexdigest(), "head": head.decode("latin-1")}


def stop(number: int, frame: FrameType | None) -> None:
    print("stopped")
    sys.exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    print(f"user {os.getuid()} sees {sorted(path.name for path in (INPUT / 'data').iterdir())}")
    print(f"config {(INPUT / 'config/inputdataconfig.json').read_text()}")
    files = {
        str(path.relative_to(INPUT / "data")): path.read_text()
        for path in (INPUT / "data").rglob("*")
        if path.is_file()
    }
    print(f"files {json.dumps(files)}")
    for channel, epoch, limit in json.loads(os.environ["PIPES"]):
        print(f"read {channel}_{epoch} {json.dumps(read(channel, epoch, limit))}")
    if os.environ.get("THEN") == "wait":
        print("waiting")
        while True:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
