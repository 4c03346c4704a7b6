"""Run examples/gauss3.ipynb, and keep the outputs that are worth a look: what readers see of it.

In tox's environment sdk-v3, with a Docker engine:

    .tox/sdk-v3/bin/python scripts/notebook.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FILE = Path(__file__).parents[1] / "examples" / "gauss3.ipynb"
KEEP = "keep"
"""The tag of the cells whose outputs are kept; the others' have paths and times."""

CELL_SECONDS = 300


def run() -> Any:
    """The notebook, run from top to bottom; raises the error of a cell that fails."""
    notebook = nbformat.read(FILE, as_version=4)
    folder = {"metadata": {"path": str(FILE.parent)}}
    NotebookClient(notebook, timeout=CELL_SECONDS, resources=folder).execute()
    return notebook


def keep(notebook: Any) -> None:
    """Leave of it what is as it would be on any machine."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    number = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        number += 1
        kept = KEEP in cell.metadata.get("tags", [])
        cell.outputs = [
            output for output in cell.outputs if kept and output.get("name") != "stderr"
        ]
        cell.execution_count = number if kept else None
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number


if __name__ == "__main__":
    whole = run()
    keep(whole)
    nbformat.write(whole, FILE)
