"""Each template as a new project: `harness init`, `harness run`, and its own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError

from harness.image import names
from tests import forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    Image = Callable[[Path], str]

LIMIT = 900  # seconds: the first time, wheels are fetched and an image is built

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(LIMIT)]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With a state folder of its own, and none of what pytest says to its own processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        **kept,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),  # this checkout, whatever the environment has installed
    }


@pytest.fixture
def harness(environ: dict[str, str], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs `harness`; returns what it says at its end."""

    def harness(*arguments: str, cwd: Path = tmp_path) -> dict[str, Any]:
        ran = forked.run([*arguments, "--json"], cwd=str(cwd), env=environ, timeout=LIMIT)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        said: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return said

    return harness


@pytest.fixture
def image(harness: Callable[..., dict[str, Any]], docker_client: DockerClient) -> Iterator[Image]:
    """Makes a project's image. It stays for the next time; what it replaces goes."""
    made: list[str] = []

    def image(project: Path) -> str:
        made.append(str(harness("build", cwd=project)["image"]))
        return made[-1]

    yield image
    for name in made:
        tidy(docker_client, name)


def tidy(client: DockerClient, name: str) -> None:
    """Remove the images and stages that other folders' projects of this name have left."""
    repository = name.partition(":")[0]
    own = client.images.get(name).labels[names.PROJECT_LABEL][:8]
    for found in client.images.list():
        for tag in found.tags:
            stage = tag.startswith(f"{repository}-stage-") and f"-stage-{own}:" not in tag
            if stage or (tag.startswith(f"{repository}:") and tag != name):
                with suppress(APIError):  # a container uses it
                    client.images.remove(tag)


def pytest_in(project: Path, environ: dict[str, str]) -> str:
    """What the project's own tests say, all of which pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        command, cwd=project, env=environ, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_hooks_on_the_serving_app(
    harness: Callable[..., dict[str, Any]], image: Image, tmp_path: Path
) -> None:
    project = tmp_path / "test-init-sklearn"
    harness("init", str(project), "--template", "sklearn")
    image(project)

    report = harness("run", "--output", "out", cwd=project)
    assert report["passed"] is True
    assert report["metrics"]["test_accuracy"] > 0.9
    assert report["metrics"]["test:accuracy"] == pytest.approx(
        report["metrics"]["test_accuracy"], abs=1e-4
    )
    labels = (project / "out/transform/unlabelled.csv.out").read_text().split()
    assert len(labels) == 40
    assert set(labels) == {"apple", "pear", "quince"}


def test_programs_of_ones_own_and_an_image_that_exists(
    harness: Callable[..., dict[str, Any]], image: Image, environ: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "test-init-flask"
    harness("init", str(project), "--template", "flask")
    built = image(project)
    report = harness("run", cwd=project)
    assert report["passed"] is True
    assert report["metrics"]["test_r2"] > 0.9
    assert " passed" in pytest_in(project, environ)

    around = tmp_path / "test-init-image"
    harness("init", str(around), "--image", built)
    assert "No ENTRYPOINT" in (around / "harness.toml").read_text()
    report = harness("run", cwd=around)
    assert report["passed"] is True
    assert report["image"] == built


def test_a_changed_script_needs_no_build(
    harness: Callable[..., dict[str, Any]], image: Image, tmp_path: Path
) -> None:
    project = tmp_path / "test-init-script"
    harness("init", str(project), "--template", "script")
    built = image(project)

    script = project / "src/train.py"
    script.write_text(script.read_text().replace("train:auc=", "by other words train:auc="))
    report = harness("run", "--output", "out", cwd=project)
    assert report["passed"] is True
    assert report["image"] == built
    assert report["metrics"]["test_accuracy"] > 0.7
    with tarfile.open(project / "out/model.tar.gz") as model:
        packed = model.extractfile("code/train.py")
        assert packed is not None
        assert b"by other words" in packed.read()

    # The model has the program with it: it serves without the job that has made it.
    again = harness("run", "--model", "out/model.tar.gz", cwd=project)
    assert again["metrics"]["test_accuracy"] == report["metrics"]["test_accuracy"]
