"""Each example is a whole project: its settings load, its tests are short, and it has a README."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.run import names
from harness.config import loading
from harness.flow.project import requests, scores, sources

EXAMPLES = Path(__file__).parents[3] / "examples"
PROJECTS = sorted(file.parent for file in EXAMPLES.glob("*/harness.toml"))
NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))


def name_of(path):
    return path.name


def test_there_are_some():
    assert [project.name for project in PROJECTS] == [
        "batch-and-processing",
        "flask-gunicorn",
        "perl-server",
        "sklearn-classifier",
        "xgboost",
    ]
    assert [file.name for file in NOTEBOOKS] == ["sdk_v2.ipynb", "sdk_v3.ipynb"]


@pytest.mark.parametrize("project", PROJECTS, ids=name_of)
def test_its_settings_are_whole(project):
    settings = loading.load(project / "harness.toml", {})
    assert settings.project.name == project.name
    assert (project / settings.image.context / settings.image.dockerfile).is_file()
    assert settings.thresholds
    for name, channel in settings.channels.items():
        sources.check(project, channel.source, f"channels.{name}.source")
    asked = requests.read(settings)
    assert all(each.truth is not None for each in asked)
    scores.check(settings, asked)


@pytest.mark.parametrize("name", names())
def test_its_tests_are_short_and_it_says_what_it_is(name):
    (tests,) = (EXAMPLES / name).glob("test_*.py")
    assert len(tests.read_text(encoding="utf-8").splitlines()) < 40
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {name}\n")
    assert f"({name}/)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_data_is_small():
    files = [file for file in EXAMPLES.glob("*/data/*") if file.is_file()]
    assert files
    assert max(file.stat().st_size for file in files) < 20_000


@pytest.mark.parametrize("file", NOTEBOOKS, ids=name_of)
def test_a_notebook_is_kept_without_what_it_printed(file):
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
