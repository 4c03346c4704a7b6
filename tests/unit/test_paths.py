"""A full disk, told from other errors."""

import errno

import pytest

from harness import paths


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_a_full_disk(number):
    assert paths.is_full(OSError(number, "words"))


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "words"), OSError("words"), ValueError()])
def test_anything_else_is_not(error):
    assert not paths.is_full(error)


def test_the_sentence_says_where():
    error = OSError(errno.ENOSPC, "words")
    assert paths.no_room(error, "/some/where") == (
        "this machine has no room left in /some/where (No space left on device): free some space"
    )
    assert "TMPDIR" in paths.no_room(error)
