"""Wheels that can't be had, and how many are kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.errors import BuildError
from harness.image.wheels import wheelhouse

if TYPE_CHECKING:
    from pathlib import Path


def test_a_requirement_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "requirements.txt").write_text("no-such-package==1\n")
    (tmp_path / "constraints.txt").write_text("")
    with pytest.raises(BuildError, match="No matching distribution found for no-such-package==1"):
        wheelhouse._wheel_here(tmp_path)


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "middle", "old"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / ".new-of-a-killed-process").mkdir()
    wheelhouse.keep_newest(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "middle"}
