"""A project to build an image of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a container and a package, small as can be."""
    files = {
        "harness.toml": "",
        "container/Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY code code\n",
        "container/code/model_logic.py": "print('trained')\n",
        "gam_model/pyproject.toml": "[project]\nname = 'gam-model'\nversion = '1'\n",
        "gam_model/src/gam_model/__init__.py": "",
        "gam_model/tests/test_gam.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"
