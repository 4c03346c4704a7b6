"""The wheel with its flow: new projects run, and pass their own tests, where no checkout is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import docker
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.wheel.conftest import Installed

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

NAME = "test-wheel"


@pytest.fixture(scope="module", autouse=True)
def _images() -> Iterator[None]:
    """What is built goes in the end."""
    yield
    client = docker.from_env()
    for image in client.images.list(f"harness-{NAME}-*"):
        client.images.remove(str(image.id), force=True)
    client.close()


@pytest.mark.parametrize("template", ["flask", "gauss3", "script"])
def test_a_new_project_runs_and_passes_its_tests(
    flow: Installed, tmp_path: Path, template: str
) -> None:
    project = tmp_path / f"{NAME}-{template}"
    made = flow.run("harness", "init", str(project), "--template", template, cwd=tmp_path)
    assert made.status == 0, made.err
    ran = flow.run("harness", "run", "--json", cwd=project)
    assert ran.status == 0, ran.err
    report: dict[str, Any] = json.loads(ran.out.splitlines()[-1])
    assert report["passed"] is True
    assert list((project / "build" / "runs").glob("*/report.html"))
    tested = flow.run("python", "-m", "pytest", "-p", "no:cacheprovider", "-q", cwd=project)
    assert tested.status == 0, tested.out


def test_a_project_around_an_image_that_exists(flow: Installed, tmp_path: Path) -> None:
    own = tmp_path / f"{NAME}-flask"
    assert not flow.run("harness", "init", str(own), "--template", "flask", cwd=tmp_path).status
    built = flow.run("harness", "build", "--json", cwd=own)
    assert built.status == 0, built.err
    image: str = json.loads(built.out.splitlines()[-1])["image"]
    project = tmp_path / f"{NAME}-image"
    made = flow.run("harness", "init", str(project), "--image", image, cwd=tmp_path)
    assert made.status == 0, made.err
    for _ in range(2):
        ran = flow.run("harness", "run", cwd=project)
        assert ran.status == 0, ran.err
    compared = flow.run("harness", "compare", cwd=project)
    assert compared.status == 0, compared.err


def test_a_run_gets_what_the_wheel_alone_has_not(
    make: Callable[..., Installed], tmp_path: Path
) -> None:
    bare = make("")
    project = tmp_path / f"{NAME}-sklearn"
    made = bare.run("harness", "init", str(project), cwd=tmp_path)
    assert made.status == 0, made.err
    ran = bare.run("harness", "run", cwd=project)
    assert ran.status == 0, ran.err
    assert "pip install 'sagemaker-harness[flow]'" in ran.err
    tested = bare.run("python", "-m", "pytest", "-p", "no:cacheprovider", "-q", cwd=project)
    assert tested.status == 0, tested.out


def test_check(flow: Installed, tmp_path: Path) -> None:
    project = tmp_path / f"{NAME}-flask"
    flow.run("harness", "init", str(project), "--template", "flask", cwd=tmp_path)
    ran = flow.run("harness", "check", "--only", "image", "serving", cwd=project)
    assert ran.status == 0, ran.out + ran.err
