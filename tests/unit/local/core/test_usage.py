"""How much of its memory a container uses, by what the engine says of it."""

import pytest

from harness.local.core.usage import memory_share


@pytest.mark.parametrize(
    ("stats", "share"),
    [
        ({"usage": 600, "limit": 1000, "stats": {"inactive_file": 100}}, 0.5),
        ({"usage": 600, "limit": 1000, "stats": {"total_inactive_file": 350}}, 0.25),  # cgroup v1
        ({"usage": 600, "limit": 1000}, 0.6),
        ({"usage": 100, "limit": 1000, "stats": {"inactive_file": 200}}, 0.0),
        ({}, None),  # it has ended
        ({"usage": 100}, None),
    ],
)
def test_memory_without_what_the_kernel_can_drop(stats, share):
    assert memory_share(stats) == share
