"""What VS Code needs to attach: a configuration in the project's .vscode/launch.json.

A file that is there is somebody's, and stays as it is: what it lacks is told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.flow.debug.paths import Mapping

NAME = "harness: attach"
WORKSPACE = "${workspaceFolder}"


def configuration(port: int, mappings: Sequence[Mapping]) -> dict[str, Any]:
    """The one that attaches to `port` of this machine."""
    return {
        "name": NAME,
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": "127.0.0.1", "port": port},
        "pathMappings": [
            {
                "localRoot": "/".join(filter(None, (WORKSPACE, each.local))),
                "remoteRoot": each.remote,
            }
            for each in mappings
        ],
    }


def offer(root: Path, wanted: dict[str, Any]) -> str:
    """Write it where no launch.json is yet; returns what is to be said of it."""
    file = root / ".vscode" / "launch.json"
    if not file.exists():
        document = {"version": "0.2.0", "configurations": [wanted]}
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")
        return f'.vscode/launch.json has "{NAME}" now'
    if wanted in _configurations(file):
        return f'"{NAME}" of .vscode/launch.json'
    text = json.dumps(wanted, indent=2)
    return (
        ".vscode/launch.json is yours and stays as it is; this is what to put into its "
        f'"configurations":\n{text}'
    )


def _configurations(file: Path) -> list[Any]:
    """Those that it has; none where it can't be read, as with comments, which VS Code allows."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        found = document["configurations"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return found if isinstance(found, list) else []
