"""The wheel of a project's own package; no network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.config.settings import Image
from harness.errors import BuildError
from harness.image import context
from harness.image.wheels.package import packages

ROOT = Path(__file__).parents[4]


def unexpected(line: str) -> None:
    raise AssertionError(line)


@pytest.mark.slow
def test_the_wheel_is_the_same_bytes_for_the_same_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else the image's layers would be rebuilt for nothing. No network: hatchling is here."""
    wheels = []
    for place in ("one", "two"):
        root = tmp_path / place
        shutil.copytree(ROOT / "gam_model", root / "gam_model", copy_function=shutil.copy)
        (root / "container").mkdir()
        (root / "container/Dockerfile").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        image = Image(packages=["gam_model"])
        files = packages(context.Sources.read(root, image), print)
        assert files == packages(context.Sources.read(root, image), unexpected)
        ((name, wheel),) = files.items()
        wheels.append((name, wheel.read_bytes()))
    assert wheels[0] == wheels[1]
    assert wheels[0][0].startswith("wheels/gam_model-")


def test_a_package_that_cannot_be_built(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    (project / "gam_model/pyproject.toml").write_text("[project]\nname = 'gam-model'\n")
    with pytest.raises(BuildError, match="pip wheel"):
        packages(context.Sources.read(project, Image(packages=["gam_model"])), print)
    assert list((project / "cache").rglob("*.whl")) == []


def test_a_project_without_packages_of_its_own_has_none(project: Path) -> None:
    assert packages(context.Sources.read(project, Image()), unexpected) == {}


def test_a_package_that_is_not_there(project: Path) -> None:
    with pytest.raises(BuildError, match=r"^there is no .*/none/pyproject\.toml, of a package in "):
        context.Sources.read(project, Image(packages=["none"]))
