"""Run every benchmark of this folder, one after the other, and keep what they say.

    python benchmarks/run.py [NAME ...]

Tables go to the terminal as they come; the objects that the benchmarks print with `--json` go to
`benchmarks/results.json`, with a description of the machine. One that fails is kept as its error,
and the others are run all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
LIMIT = 1200  # seconds for one benchmark


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path != Path(__file__))


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line]
    client = docker.from_env()
    try:
        engine = client.version()["Version"]
    finally:
        client.close()
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "docker": engine,
    }


def run(name: str) -> dict[str, Any]:
    """One benchmark: what it says, or its error."""
    print(f"== {name}", file=sys.stderr, flush=True)
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--json"]
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {LIMIT} s"}
    lines = ran.stdout.splitlines()
    if not lines:
        return {"error": f"exit status {ran.returncode}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *names()], metavar="NAME")
    wanted = parser.parse_args().names or names()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results = {name: kept for name, kept in known.get("results", {}).items() if name in names()}
    for name in wanted:
        results[name] = run(name)
    taken = datetime.now(UTC).date().isoformat()
    document = {"taken": taken, "machine": machine(), "results": dict(sorted(results.items()))}
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")
    failed = [name for name in wanted if "error" in results[name]]
    print(f"{RESULTS} has it all" + f"; failed: {', '.join(failed)}" * bool(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
