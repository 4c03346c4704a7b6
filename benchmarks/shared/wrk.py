"""Load from `wrk`, a Debian package, which asks as fast as it is answered."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.image import debian
from shared.command import say

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 60  # seconds that it may take besides those of the load

# What to send, and one line of JSON with what came of it.
SCRIPT = """\
wrk.method = "POST"
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.body = file:read("*a")
  file:close()
  for number = 2, #arguments, 2 do
    wrk.headers[arguments[number]] = arguments[number + 1]
  end
end
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.stderr:write(string.format(
    '{"requests": %d, "rate": %f, "p50": %f, "p99": %f, "failed": %d}',
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
"""


def install() -> None:
    """Have `wrk`.

    Raises:
        DebianError: it isn't there and can't be installed.
    """
    if shutil.which("wrk") is None:
        debian.install("wrk", progress=say)


def load(
    url: str, body: bytes, headers: Mapping[str, str], connections: int, seconds: int
) -> tuple[int, dict[str, float]]:
    """How many requests there were; how many a second (`rate`), and milliseconds: `p50`, `p99`."""
    with tempfile.TemporaryDirectory() as temporary:
        script, sent = Path(temporary, "load.lua"), Path(temporary, "body")
        script.write_text(SCRIPT)
        sent.write_bytes(body)
        ran = subprocess.run(
            [
                "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
                "-s", str(script), url, "--", str(sent),
                *(each for header in headers.items() for each in header),
            ],
            capture_output=True, text=True, timeout=seconds + LIMIT, check=False,
        )  # fmt: skip
    said: dict[str, Any] = json.loads(ran.stderr) if ran.returncode == 0 else {"failed": True}
    if said.pop("failed"):
        raise SystemExit(
            f"requests of {len(body)} bytes to {url} failed, over {connections} connections:\n"
            f"{ran.stdout}\n{ran.stderr}"
        )
    return said.pop("requests"), said
