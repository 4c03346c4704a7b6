"""The settings that a pip elsewhere gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.console import Passing
from harness.errors import BuildError
from harness.image.wheels import pip

if TYPE_CHECKING:
    from pathlib import Path


def test_pips_configuration_goes_into_the_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = https://index.invalid/simple\ncert = {authorities}\n"
        f"cache-dir = {tmp_path}\n"
    )
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")

    environment = pip.environment_elsewhere()

    assert environment["PIP_INDEX_URL"] == "https://index.invalid/simple"
    assert environment["PIP_CERT"] == str(authorities)
    assert environment["https_proxy"] == "http://proxy.invalid:3128"
    assert "PIP_CACHE_DIR" not in environment  # a folder of this machine


def test_what_pip_is_at_is_told_and_the_rest_is_not(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    )
    (tmp_path / "own.py").write_text(
        "def build_wheel(folder, *_):\n    raise SystemExit('no wheel today')\n"
    )

    with pytest.raises(BuildError, match=r"^`pip wheel` failed: "):
        pip.run("wheel", "--no-deps", "--no-build-isolation", ".", cwd=tmp_path,
                progress=told.append)  # fmt: skip

    assert told
    assert all(isinstance(line, Passing) and line.startswith("  pip: ") for line in told)
    assert any("Processing " in line for line in told)


def test_a_pip_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pip, "SECONDS", 0.01)

    with pytest.raises(BuildError, match=r"^pip took longer than 0.01 s\.$"):
        pip.run("wheel", ".", cwd=tmp_path)


def test_which_lines_say_how_far_it_is() -> None:
    told: list[str] = []
    for line in (
        "Collecting numpy>=2 (from -r requirements.txt (line 1))",
        "  Downloading numpy-2.3.0-cp311-manylinux.whl (16.8 MB)",
        "Looking in links: /somewhere",
        "Saved ./wheels/numpy-2.3.0.whl",
    ):
        pip.tell(line, told.append)

    assert told == [
        "  pip: Collecting numpy>=2 (from -r requirements.txt (line 1))",
        "  pip: Downloading numpy-2.3.0-cp311-manylinux.whl (16.8 MB)",
        "  pip: Saved ./wheels/numpy-2.3.0.whl",
    ]
