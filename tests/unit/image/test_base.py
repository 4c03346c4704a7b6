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


def test_how_far_the_layers_of_an_image_are():
    layers = base.Layers("python:3")
    lines = (
        {"status": "Pulling from library/python", "id": "3"},
        {"status": "Already exists", "id": "a"},
        {"status": "Pulling fs layer", "id": "b", "progressDetail": {}},
        {"status": "Downloading", "id": "b",
         "progressDetail": {"current": 2_000_000, "total": 9_000_000}},
        {"status": "Extracting", "id": "b", "progressDetail": {"current": 1, "total": 9}},
        {"status": "Pull complete", "id": "b"},
        {"status": "Digest: sha256:0"},
    )  # fmt: skip
    told = [str(layers) for line in lines if layers.take(line)]

    assert told == [
        "pulling python:3: 1 of 1 layers",
        "pulling python:3: 1 of 2 layers",
        "pulling python:3: 1 of 2 layers, 2 of 9 MB so far",
        "pulling python:3: 1 of 2 layers, 2 of 9 MB so far",
        "pulling python:3: 2 of 2 layers, 9 of 9 MB so far",
    ]
