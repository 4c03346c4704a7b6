"""Sizes in words."""

from harness.figures import size


def test_sizes_are_read_at_a_glance():
    assert [size(n) for n in (0, 999, 1500, 2_340_000, 5 * 10**12)] == [
        "0 B", "999 B", "1.5 kB", "2.3 MB", "5.0 TB",
    ]  # fmt: skip
