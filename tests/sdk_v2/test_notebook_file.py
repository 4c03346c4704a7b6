"""The notebook of examples/notebooks for this SDK, run from top to bottom."""

from __future__ import annotations

import time
from pathlib import Path

import boto3
import nbformat
from nbclient import NotebookClient

FILE = Path(__file__).parents[2] / "examples" / "notebooks" / "sdk_v2.ipynb"
CELL_SECONDS = 180
DELETE_SECONDS = 60


def left() -> set[str]:
    """The endpoints, their configurations and the models that there are."""
    client = boto3.client("sagemaker")
    return {
        *(each["EndpointName"] for each in client.list_endpoints()["Endpoints"]),
        *(each["EndpointConfigName"] for each in client.list_endpoint_configs()["EndpointConfigs"]),
        *(each["ModelName"] for each in client.list_models()["Models"]),
    }


def test_the_notebook_trains_predicts_and_leaves_nothing(image, environment):
    before = left()
    notebook = nbformat.read(FILE, as_version=4)
    folder = {"metadata": {"path": str(FILE.parent)}}
    NotebookClient(notebook, timeout=CELL_SECONDS, resources=folder).execute()
    printed = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    ]
    assert "R² of the rows held out: 0.9972" in "".join(printed)
    end = time.monotonic() + DELETE_SECONDS
    while not left() <= before:  # an endpoint takes a moment to go
        assert time.monotonic() < end, left() - before
        time.sleep(0.5)
