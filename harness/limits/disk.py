"""A disk of this machine that is full: told from other errors, and told of in one sentence."""

from __future__ import annotations

import errno
import os
import tempfile

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""No space, none for this user, or none for this process (`ulimit -f`)."""


def is_full(error: BaseException) -> bool:
    """Whether something could not be written for want of room."""
    return isinstance(error, OSError) and error.errno in _FULL


def sentence(error: BaseException, folder: os.PathLike[str] | str = "") -> str:
    """What to say of such an error, without a full stop.

    `folder` is where it was written; by default where temporary files are.
    """
    number = error.errno if isinstance(error, OSError) and error.errno else errno.ENOSPC
    where = os.fspath(folder) or tempfile.gettempdir()
    hint = "free some space" if folder else "free some space, or let TMPDIR name another folder"
    return f"this machine has no room left in {where} ({os.strerror(number)}): {hint}"
