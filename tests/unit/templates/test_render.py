"""The files of new projects, and how they come into a folder."""

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.config import loading
from harness.errors import ConfigError, HarnessError
from harness.templates import data, render

ROOT = Path(__file__).parents[3]
TOOLS = Path(sys.executable).parent

each_template = pytest.mark.parametrize("template", render.TEMPLATES)


@pytest.fixture
def project(tmp_path, template):
    folder = tmp_path / "My Fruit"
    render.write(folder, render.project(template, render.project_name(folder), "an/image:1", "# x"))
    return folder


@each_template
def test_the_settings_are_ones_that_a_run_takes(project, template):
    settings = loading.load(project / "harness.toml", {})
    assert settings.project.name == "my-fruit"
    assert settings.target == "local"
    assert settings.image.uri == ("an/image:1" if template == "image" else "")

    sources = [each.source for each in settings.channels.values()]
    sources += [each.source for each in settings.requests.values()]
    sources += [settings.transform.source] if settings.transform else []
    assert sources
    assert all((project / source.partition(":")[0]).is_file() for source in sources)
    if not settings.image.uri:
        assert settings.thresholds
        assert (project / settings.image.context / settings.image.dockerfile).is_file()
    if settings.training.entry_point:
        assert (project / settings.training.source_dir / settings.training.entry_point).is_file()


@each_template
def test_a_project_is_whole_and_small(project):
    for name in (".gitignore", ".github/workflows/ci.yml", "README.md", "harness.toml"):
        assert (project / name).is_file()
    assert len((project / "tests/test_container.py").read_text().splitlines()) < 40
    assert sum(file.stat().st_size for file in (project / "data").iterdir()) < 30_000
    files = [file for file in project.rglob("*") if file.is_file()]
    assert not [file for file in files if file.name.startswith("dot_")]
    assert not [file for file in files if "@PROJECT@" in file.read_text()]
    assert not [file for file in files if "@IMAGE@" in file.read_text()]


@each_template
def test_code_of_a_project_can_be_compiled(project):
    for file in project.rglob("*"):
        if file.is_file() and (file.suffix == ".py" or os.access(file, os.X_OK)):
            compile(file.read_text(), file, "exec")


def test_programs_are_executable(tmp_path):
    render.write(tmp_path, render.project("flask", "x"))
    executable = {
        file.name for file in tmp_path.rglob("*") if file.is_file() and os.access(file, 1)
    }
    assert executable == {"train", "serve"}


@pytest.mark.parametrize("make", [data.fruit, data.deliveries, data.customers])
def test_data_is_always_the_same_and_has_rows_of_one_length(make):
    files = make()
    assert make() == files
    for text in files.values():
        assert len({len(row) for row in csv.reader(text.splitlines())}) == 1
    assert not set(files["train.csv"].splitlines()[1:]) & set(files["test.csv"].splitlines()[1:])


def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path):
    files = render.project("flask", "x")
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "harness.toml").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"README\.md, harness\.toml are in .* already"):
        render.write(tmp_path, files)
    assert {file.name for file in tmp_path.iterdir()} == {"README.md", "harness.toml"}
    assert (tmp_path / "README.md").read_text() == "mine"


def test_who_has_a_container_is_told_what_is_enough(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.csv").write_text("1,2")
    with pytest.raises(ConfigError, match=r"only harness\.toml is needed for a container that you"):
        render.write(tmp_path, render.project("flask", "x"))


def test_a_link_to_itself_stands_in_the_way(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert render.project_name(tmp_path / "loop") == "loop"
    with pytest.raises(ConfigError, match="is there already, and is no folder"):
        render.write(tmp_path / "loop", render.project("flask", "x"))


def test_a_file_where_a_folder_is_due_stands_in_the_way(tmp_path):
    (tmp_path / "tests").write_text("mine")
    with pytest.raises(ConfigError, match=r"^tests is in"):
        render.write(tmp_path, render.project("flask", "x"))
    with pytest.raises(ConfigError, match="is no folder"):
        render.write(tmp_path / "tests", render.project("flask", "x"))
    with pytest.raises(HarnessError, match="can't be written"):
        render.write(tmp_path / "tests" / "x", render.project("flask", "x"))


def test_other_files_of_the_folder_stay(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text("1")
    render.write(tmp_path, render.project("flask", "x"))
    assert (tmp_path / "data" / "mine.csv").read_text() == "1"


def test_the_serving_app_of_a_project_is_the_one_of_the_checkout():
    files = render.project("sklearn", "x")
    for path in ("entrypoint.py", "later.py", "training.py", "serving/app.py"):
        assert files[f"container/{path}"] == (ROOT / "container" / path).read_bytes()
    assert not [path for path in files if "__pycache__" in path]


def test_the_gam_of_the_checkout_is_a_project_of_its_own(tmp_path):
    render.write(tmp_path, render.project("gauss3", "mine"))
    own, made = (
        loading.load(folder / "harness.toml", {}).model_dump(exclude={"root"})
        for folder in (ROOT, tmp_path)
    )
    assert made.pop("project")["name"] == "mine"
    own.pop("project")
    expected = repr(own).replace("harness-gam", "harness-mine")
    assert repr(made) == expected.replace("examples/gauss3/", "data/")
    assert (tmp_path / "gam_model/src/gam_model/__init__.py").is_file()
    assert (tmp_path / "container/code/model_logic.py").is_file()


def test_the_wheel_has_what_is_taken_where_it_is_looked_for():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"] == {
        name: f"harness/templates/files/checkout/{name}" for name in (*render.GAUSS3.values(),)
    }
    for path in render.GAUSS3.values():
        assert f"/{path.partition('/')[0]}" in build["targets"]["sdist"]["include"]


@pytest.mark.parametrize("template", ["sklearn", "flask", "script"])
def test_requirements_are_all_pinned(project):
    pinned = (project / "container/constraints.txt").read_text()
    for line in ("pip", *(project / "container/requirements.txt").read_text().splitlines()):
        assert line.startswith("#") or f"\n{line}==" in pinned


def checked(tool, *arguments):
    """Runs a linter of the development environment."""
    program = TOOLS / tool
    if not program.is_file():
        pytest.skip(f"{tool} is part of the group lint")
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("template", ["sklearn"])
def test_the_workflow_is_one_that_github_takes(project):
    workflow = project / ".github/workflows/ci.yml"
    checked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)
    checked("zizmor", "--offline", "--quiet", workflow)


def test_the_workflow_has_the_actions_of_our_own(tmp_path):
    def actions(workflow):
        lines = [line.strip(" -") for line in workflow.read_text().splitlines()]
        return {line for line in lines if line.startswith("uses:")}

    ours = actions(ROOT / ".github/workflows/ci.yml")
    theirs = actions(render.FILES / "common/dot_github/workflows/ci.yml")
    assert theirs
    assert theirs <= ours
