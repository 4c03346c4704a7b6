"""Where files of the harness are kept on this machine, and what to say if there is no room."""

from __future__ import annotations

import errno
import os
import tempfile
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from pathlib import Path


def cache_folder() -> Path:
    """What saves work the next time, wheels above all: ~/.cache/sagemaker-harness, or under
    XDG_CACHE_HOME.
    """
    return platformdirs.user_cache_path("sagemaker-harness")


def state_folder() -> Path:
    """What must outlive a process, such as what it has created: ~/.local/state/harness, or under
    XDG_STATE_HOME.
    """
    return platformdirs.user_state_path("harness")


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""No space, none for this user, or none for this process (`ulimit -f`)."""


def is_full(error: BaseException) -> bool:
    """Whether something could not be written for want of room."""
    return isinstance(error, OSError) and error.errno in _FULL


def no_room(error: BaseException, folder: os.PathLike[str] | str = "") -> str:
    """What to say of such an error, without a full stop.

    `folder` is where it was written; by default where temporary files are.
    """
    number = error.errno if isinstance(error, OSError) and error.errno else errno.ENOSPC
    where = os.fspath(folder) or tempfile.gettempdir()
    hint = "free some space" if folder else "free some space, or let TMPDIR name another folder"
    return f"this machine has no room left in {where} ({os.strerror(number)}): {hint}"
