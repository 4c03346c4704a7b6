"""The names of base images."""

from __future__ import annotations

import pytest

from harness.image import base


@pytest.mark.parametrize(
    ("name", "repository", "tag"),
    [
        ("python:3.11", "python", "3.11"),
        ("python", "python", "latest"),
        ("localhost:5000/base", "localhost:5000/base", "latest"),
        ("localhost:5000/base:1", "localhost:5000/base", "1"),
    ],
)
def test_the_parts_of_an_image_name(name: str, repository: str, tag: str) -> None:
    split = base._split(name)
    assert (split[0], split[2]) == (repository, tag)
