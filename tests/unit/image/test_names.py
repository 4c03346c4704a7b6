"""What images are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import machine
from harness.config.settings import Project, Settings
from harness.image import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("harness-gam:0123456789ab", "0123456789ab"),
        ("ghcr.io/me/mine:1.2", "1.2"),
        ("localhost:5000/me/mine:1", "1"),
        ("localhost:5000/me/mine", "latest"),
        ("mine", "latest"),
        (f"mine@sha256:{'ab' * 32}", "ab" * 6),
        (f"mine:1@sha256:{'ab' * 32}", "ab" * 6),
    ],
)
def test_the_tag_of_any_name(name: str, tag: str) -> None:
    assert names.tag_of(name) == tag


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1", True),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/team/mine@sha256:ab", True),
        ("public.ecr.aws/docker/library/python:3.11", False),
        ("mine:1", False),
        ("example.org/111122223333.dkr.ecr.us-east-1.amazonaws.com/mine", False),
    ],
)
def test_what_is_in_ecr_already(name: str, there: bool) -> None:
    assert names.is_in_ecr(name) is there


@pytest.mark.parametrize("named", [names.stage_name, lambda each: names.project_id(each.root)])
def test_projects_of_one_name_are_told_apart_by_their_folders(
    named: Callable[[Settings], str], tmp_path: Path
) -> None:
    one, other, same = (
        Settings(root=root, project=Project(name="gam"))
        for root in (tmp_path / "a", tmp_path / "b", tmp_path / "b/../a")
    )
    (tmp_path / "b").mkdir()

    assert named(one) != named(other)
    assert named(one) == named(same)
    assert names.image_name(one, "0" * 64) == names.image_name(other, "0" * 64)


def test_projects_of_one_path_on_two_machines_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two containers of a CI, say, that have one engine."""
    here = names.project_id(tmp_path)
    monkeypatch.setenv(machine.VARIABLE, "another")
    assert names.project_id(tmp_path) != here
