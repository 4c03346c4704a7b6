"""`%load_ext harness` in a kernel that runs already: a real one."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

from harness.service import state

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

CELL_SECONDS = 120

BEFORE = """\
import boto3, os
before = dict(os.environ)
def endpoint():
    return boto3.client("s3").meta.endpoint_url
"""

JOB = """\
import threading
client = boto3.client("sagemaker")
bucket = boto3.client("s3").list_buckets()["Buckets"][0]["Name"]
client.create_training_job(
    TrainingJobName="shown",
    AlgorithmSpecification={
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "-c", "print(1)"],
    },
    RoleArn="arn:aws:iam::123456789012:role/sagemaker",
    OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    StoppingCondition={"MaxRuntimeInSeconds": 60},
);
"""

SHOWN = """\
for each in threading.enumerate():
    if each.name == "follow-shown":
        each.join(60)
        assert not each.is_alive()
"""


def run(*cells: str) -> NotebookNode:
    """The notebook of these cells, run; raises the error of a cell that fails."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3").execute()
    return notebook


def printed(cell: NotebookNode) -> str:
    return "".join(each.get("text", "") for each in cell.outputs)


def test_a_kernel_uses_the_service_that_runs() -> None:
    url = os.environ["AWS_ENDPOINT_URL"]
    notebook = run(
        "import os; [os.environ.pop(name) for name in list(os.environ) if name[:4] == 'AWS_'];",
        "os.environ['AWS_PROFILE'] = 'mine'; " + BEFORE,
        "%load_ext harness",
        "print(endpoint())",
        "import harness; print(harness.use_local_aws())",
        "%unload_ext harness",
        "assert dict(os.environ) == before",
    )
    assert url in printed(notebook.cells[2])
    assert printed(notebook.cells[3]).strip() == printed(notebook.cells[4]).strip() == url
    assert state.is_healthy(url)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No service is found."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def ended(url: str) -> bool:
    """Whether the local AWS there ends, within the time it has."""
    deadline = time.monotonic() + 30
    while state.is_healthy(url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("widgets", [True, False])
def test_a_kernel_has_one_of_its_own_which_shows_its_jobs(image: str, widgets: bool) -> None:
    hide = "" if widgets else "import sys; sys.modules['ipywidgets'] = None"
    notebook = run(
        hide, BEFORE, f"%load_ext harness\nIMAGE = {image!r}", "print(endpoint())", JOB, SHOWN,
        "%unload_ext harness", "assert dict(os.environ) == before",
    )  # fmt: skip
    (shown,) = [each for each in notebook.cells[4].outputs if each.output_type == "display_data"]
    if widgets:
        model = shown.data["application/vnd.jupyter.widget-view+json"]["model_id"]
        states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        text = states[model]["state"]["value"]
    else:
        text = shown.data["text/plain"]
    assert "training job shown: Completed" in text
    assert ended(printed(notebook.cells[3]).strip())


@pytest.mark.usefixtures("nowhere")
def test_its_own_ends_with_a_kernel_that_is_killed() -> None:
    kernel = subprocess.Popen(
        ["python", "-c", "import harness; print(harness.use_local_aws(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert kernel.stdout is not None
    url = kernel.stdout.readline().strip()
    assert state.is_healthy(url)
    kernel.kill()
    kernel.communicate(timeout=30)
    assert ended(url)
