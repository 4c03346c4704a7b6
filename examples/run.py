"""Run examples as their users do: `harness run`, then `pytest`, each in the example's folder.

    python examples/run.py [NAME ...]

Without a name all of them, one after another. Prints the seconds of each; exit status 1 if one
fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
OWN = "gauss3"
"""The example whose project is the repository's."""


def names() -> list[str]:
    """The examples that are projects."""
    return sorted([OWN, *(file.parent.name for file in HERE.glob("*/harness.toml"))])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Run examples: `harness run`, then `pytest`.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}")
    chosen = parser.parse_args(arguments).names or names()
    if unknown := set(chosen) - set(names()):
        parser.error(f"there is no example {', '.join(sorted(unknown))}")
    took = {name: run(name) for name in chosen}
    print(f"\n{'example':<24}{'run':>8}{'pytest':>8}")
    for name, seconds in took.items():
        print(f"{name:<24}" + "".join(f"{each:>8.1f}" if each else "  failed" for each in seconds))
    return 0 if all(each for seconds in took.values() for each in seconds) else 1


def run(name: str) -> list[float]:
    """Seconds of both commands; 0.0 for one that failed."""
    folder = HERE.parent if name == OWN else HERE / name
    commands = [["harness", "run"], ["pytest", "-q", str(HERE / name)]]
    return [timed(name, [sys.executable, "-m", *command], folder) for command in commands]


def timed(name: str, command: list[str], folder: Path) -> float:
    """Run it in the folder, with nothing of a test run that this may be part of."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    kept.pop("HARNESS_CONFIG", None)
    print(f"\n{name}: {' '.join(command[2:])}", flush=True)
    start = time.monotonic()
    ended = subprocess.run(command, cwd=folder, env=kept)
    return 0.0 if ended.returncode else time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
