"""What the service's image is made of follows pyproject.toml and constraints.txt."""

from __future__ import annotations

from scripts import constraints, service_image


def test_the_image_has_what_the_distribution_needs():
    folder = constraints.IMAGE
    assert (folder / "requirements.txt").read_text() == constraints.requirements()
    pinned = (constraints.ROOT / "constraints.txt").read_text()
    assert (folder / "constraints.txt").read_text() == pinned


def test_the_image_is_built_of_what_is_there():
    image = service_image.settings().image
    assert (service_image.ROOT / image.context / image.dockerfile).is_file()
    assert image.packages == ["."]
