"""examples/gauss3.ipynb: the post's story, run from top to bottom, and what readers see of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import nbformat
import pytest
from nbclient import NotebookClient

FILE = Path(__file__).parents[2] / "examples" / "gauss3.ipynb"
CELL_SECONDS = 180


def printed(notebook: Any) -> str:
    return "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stdout" and "keep" in cell.metadata.get("tags", [])
    )


@pytest.fixture(scope="module")
def committed() -> Any:
    return nbformat.read(FILE, as_version=4)


@pytest.mark.usefixtures("image")
def test_it_reaches_what_was_published_and_leaves_no_endpoint(committed: Any) -> None:
    before = len(boto3.client("sagemaker").list_endpoints()["Endpoints"])
    notebook = nbformat.read(FILE, as_version=4)
    folder = {"metadata": {"path": str(FILE.parent)}}
    NotebookClient(notebook, timeout=CELL_SECONDS, resources=folder).execute()
    assert re.search(r"train:r2 +0\.9967", printed(notebook))
    assert re.search(r"test:r2 +0\.9972", printed(notebook))
    assert printed(notebook) == printed(committed)
    assert len(boto3.client("sagemaker").list_endpoints()["Endpoints"]) == before


def test_what_is_committed_of_it_is_as_on_any_machine(committed: Any) -> None:
    images = [
        output
        for cell in committed.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == 1
    assert all("keep" in cell.metadata.get("tags", []) for cell in committed.cells
               if cell.get("outputs"))  # fmt: skip
    assert not re.search(r'"/(tmp|home|root|work|Users)', FILE.read_text(encoding="utf-8"))
