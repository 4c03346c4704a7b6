"""The action's steps, as GitHub would run them: in bash, with their inputs as variables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
STEPS: list[dict[str, Any]] = yaml.safe_load((ROOT / "action" / "action.yml").read_text())["runs"][
    "steps"
]
SECONDS = 60


def script(name: str) -> str:
    """The shell script of the step of that id."""
    (found,) = (step["run"] for step in STEPS if step.get("id") == name)
    return str(found)


@pytest.fixture
def step(tmp_path: Path) -> Callable[..., tuple[subprocess.CompletedProcess[str], dict[str, str]]]:
    """Runs a step in a folder; returns how it has ended, and its outputs."""
    place = tmp_path / "harness" / "bin" / "harness"
    place.parent.mkdir(parents=True)
    place.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m harness "$@"\n')
    place.chmod(0o755)
    output = tmp_path / "output"

    def step(name: str, folder: Path, **environ: str) -> Any:
        output.write_text("")
        given = {
            "GITHUB_OUTPUT": str(output),
            "RUNNER_TEMP": str(tmp_path),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            "PYTHONPATH": str(ROOT),
        }
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(name)],
            cwd=folder, env=os.environ | given | environ, capture_output=True, text=True,
            timeout=SECONDS,
        )  # fmt: skip
        lines = (line.partition("=") for line in output.read_text().splitlines())
        return ran, {name: value for name, _, value in lines}

    return step


@pytest.mark.parametrize(
    ("command", "told"), [("run --dry-run", "CreateTrainingJob"), ("check --list", "serve")]
)
def test_each_command_is_given_the_options_that_it_has(step, command, told):
    ran, outputs = step("run", ROOT, COMMAND=command)
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stdout
    assert Path(outputs["report"]).is_dir()


def test_a_command_that_fails_fails_the_step_and_has_said_where_its_report_is(step):
    ran, outputs = step("run", ROOT, COMMAND="run --nope")
    assert ran.returncode == 2
    assert "harness run: error: unrecognized arguments: --nope" in ran.stderr
    assert outputs["report"]


def test_what_the_image_is_made_of_is_the_caches_key(step, tmp_path):
    project = tmp_path / "project"
    (project / "container").mkdir(parents=True)
    (project / "container" / "requirements.txt").write_text("numpy\n")

    def key() -> str:
        ran, outputs = step("place", tmp_path, PYTHON="3.11", FOLDER="project")
        assert ran.returncode == 0, ran.stderr
        assert outputs["key"].startswith(outputs["prefix"])
        return str(outputs["key"])

    first = key()
    (project / "notes.txt").write_text("nothing of the image\n")
    assert key() == first
    (project / "container" / "requirements.txt").write_text("numpy==2\n")
    assert key() != first
