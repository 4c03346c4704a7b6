"""Earlier runs: found by what they left in `build/runs/`, and removed when they are too many."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from harness.errors import ConfigError

RUNS = Path("build", "runs")
"""The folder of a project that has its runs' output, where it isn't said otherwise."""

RUN_NAME = re.compile(r"harness-\d{8}-\d{6}-[0-9a-f]{6}")
"""What `harness.flow.context.unique_name` gives."""

REPORT = "report.json"

MOST_BYTES = 32 << 20
"""Of a report that is read."""


def names(runs: Path) -> list[str]:
    """The runs that have a folder, the oldest first."""
    if not runs.is_dir():
        return []
    return sorted(path.name for path in runs.iterdir() if RUN_NAME.fullmatch(path.name))


def read(folder: Path) -> dict[str, Any] | None:
    """A run's report; None where there is none that can be read."""
    path = folder / REPORT
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("metrics"), dict) else None


def before(runs: Path, run: str, most: int) -> list[dict[str, Any]]:
    """The reports of the last `most` runs before one, the oldest first, by their order in time."""
    there = [name for name in names(runs) if name < run][-most:]
    return [found for name in there if (found := read(runs / name)) is not None]


def prune(runs: Path, keep: int) -> None:
    """Remove the oldest runs beyond `keep`."""
    for name in names(runs)[:-keep]:
        shutil.rmtree(runs / name, ignore_errors=True)


def find(root: Path, run: str) -> Path:
    """The folder of a run: by its name, a part of it that is its alone, or its path.

    `last` is the last run, `last-1` the one before.

    Raises:
        ConfigError: there is none, or several are meant.
    """
    runs = root / RUNS
    if folder := _folder(Path(run)):
        return folder
    there = [name for name in names(runs) if (runs / name / REPORT).is_file()]
    if not there:
        raise ConfigError(f"there are no runs in {runs}; `harness run` makes one.")
    if match := re.fullmatch(r"last(?:-(\d{1,4}))?", run):
        back = int(match[1] or 0)
        if back >= len(there):
            some = f"are only {len(there)} runs" if len(there) > 1 else "is only one run"
            raise ConfigError(f"{run}: there {some} in {runs}; `harness run` makes another.")
        return runs / there[-1 - back]
    found = [name for name in there if run in name] if run not in there else [run]
    if len(found) != 1:
        which = f"{len(found)} runs are meant" if found else "there is no such run"
        raise ConfigError(f"{run}: {which}; there are {', '.join(found or there)}.")
    return runs / found[0]


def _folder(path: Path) -> Path | None:
    """That of a path which is one, or a report in it."""
    try:
        if path.name == REPORT and path.is_file():
            return path.parent
        if not path.is_dir():
            return None
    except OSError:  # a name that is too long
        return None
    if not (path / REPORT).is_file():
        raise ConfigError(f"{path} has no {REPORT}, which a run leaves there.")
    return path
