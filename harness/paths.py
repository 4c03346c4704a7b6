"""Where files of the harness are kept on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from pathlib import Path


def cache_folder() -> Path:
    """Where wheels are kept between builds: ~/.cache/sagemaker-harness, or under XDG_CACHE_HOME."""
    return platformdirs.user_cache_path("sagemaker-harness")
