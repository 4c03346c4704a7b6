"""Which wheels can be used where."""

from __future__ import annotations

import pytest

from harness.image.wheels.platforms import Platform


@pytest.mark.parametrize(
    ("here", "image_has", "fits"),
    [
        (("3.11", "x86_64", "2.36"), ("3.11", "x86_64", "2.36"), True),
        (("3.11", "x86_64", "2.9"), ("3.11", "x86_64", "2.36"), True),
        (("3.11", "x86_64", "2.39"), ("3.11", "x86_64", "2.36"), False),  # newer symbols
        (("3.13", "x86_64", "2.36"), ("3.11", "x86_64", "2.36"), False),
        (("3.11", "aarch64", "2.36"), ("3.11", "x86_64", "2.36"), False),
    ],
)
def test_where_wheels_may_be_made(
    here: tuple[str, str, str], image_has: tuple[str, str, str], fits: bool
) -> None:
    assert Platform(*here).runs_wheels_for(Platform(*image_has)) is fits
