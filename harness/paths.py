"""Where files of the harness are kept on this machine."""

from __future__ import annotations

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
